//! `/orders`.

use futures_util::future::join_all;
use integration_tests::{Answer, Caches, Shop, TestServer};
use serde_json::{Value, json};

#[tokio::test]
async fn an_order_is_placed_at_todays_prices_and_takes_its_units() {
    let shop = Shop::with(Caches::redis()).await;
    let (ana, id) = shop.customer().await;
    let (first, second) = (
        shop.product("19.90", 10).await,
        shop.product("0.05", 10).await,
    );
    let body = json!({"itens": [
        {"product_id": second, "quantidade": 2},
        {"product_id": first, "quantidade": 3},
        {"product_id": second, "quantidade": 1},
    ]});
    let placed = ana.post("/orders", &body).await.expect(201);
    let order = &placed.body;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    assert_eq!(placed.header("location"), Some(path.as_str()));
    assert_eq!(order["customer_id"], *id);
    assert_eq!(
        (&order["status"], &order["version"]),
        (&json!("pending"), &json!(1))
    );
    assert_eq!(order["total"], "59.85");
    let itens: Vec<_> = order["itens"]
        .as_array()
        .unwrap()
        .iter()
        .map(without_id)
        .collect();
    assert_eq!(
        itens,
        [
            json!({"product_id": second, "quantidade": 3, "preco_unitario": "0.05", "subtotal": "0.15"}),
            json!({"product_id": first, "quantidade": 3, "preco_unitario": "19.90", "subtotal": "59.70"}),
        ]
    );
    assert_eq!(shop.available(&first).await, 7);
    assert_eq!(shop.available(&second).await, 7);
    assert_eq!(ana.get(&path).await.expect(200).body, placed.body);
}

fn without_id(item: &Value) -> Value {
    let mut item = item.clone();
    item.as_object_mut().unwrap().remove("id").unwrap();
    item
}

#[tokio::test]
async fn an_order_that_cannot_be_served_names_every_short_line_and_moves_nothing() {
    let shop = Shop::open().await;
    let (ana, _) = shop.customer().await;
    let (scarce, plenty, none) = (
        shop.product("1.00", 2).await,
        shop.product("1.00", 99).await,
        shop.product("1.00", 0).await,
    );
    let line = |product: &str, units| json!({"product_id": product, "quantidade": units});
    let body = json!({"itens": [line(&scarce, 3), line(&plenty, 1), line(&none, 1)]});
    let answer = ana
        .post("/orders", &body)
        .await
        .expect_problem(409, "insufficient_stock");
    let errors = answer.body["errors"].as_array().unwrap();
    let told: Vec<_> = errors
        .iter()
        .map(|e| (&e["product_id"], &e["requested"], &e["available"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!(scarce), &json!(3), &json!(2)),
            (&json!(none), &json!(1), &json!(0)),
        ]
    );
    assert_eq!(shop.available(&plenty).await, 99);
    assert_eq!(shop.available(&scarce).await, 2);
}

#[tokio::test]
async fn who_orders_for_whom() {
    let shop = Shop::open().await;
    let (ana, ana_id) = shop.customer().await;
    let (_, bob_id) = shop.customer().await;
    let product = shop.product("1.00", 99).await;
    let body = |customer: &str| json!({"customer_id": customer, "itens": [{"product_id": product, "quantidade": 1}]});
    let _ = ana.post("/orders", &body(&ana_id)).await.expect(201);
    let _ = ana
        .post("/orders", &body(&bob_id))
        .await
        .expect_problem(403, "forbidden");
    let for_bob = shop.staff.post("/orders", &body(&bob_id)).await.expect(201);
    assert_eq!(for_bob.body["customer_id"], *bob_id);

    let nobody = shop
        .staff
        .order(&product, 1)
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(nobody.body["errors"][0]["pointer"], "/customer_id");
    let unknown = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";
    let unknown = shop.staff.post("/orders", &body(unknown)).await;
    let unknown = unknown.expect_problem(422, "validation_failed");
    assert_eq!(unknown.body["errors"][0]["code"], "unknown_customer");
    assert_eq!(shop.available(&product).await, 97);
}

#[tokio::test]
async fn a_product_that_does_not_exist_is_named() {
    let shop = Shop::open().await;
    let (ana, _) = shop.customer().await;
    let nothing = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";
    let answer = ana
        .order(nothing, 1)
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(answer.body["errors"][0]["code"], "unknown_product");
    assert_eq!(answer.body["errors"][0]["product_id"], nothing);
}

#[tokio::test]
async fn anothers_order_does_not_show_not_even_out_of_the_cache() {
    for caches in [Caches::redis(), Caches::InProcess] {
        let shop = Shop::with(caches).await;
        let product = shop.product("1.00", 9).await;
        let (ana, _) = shop.customer().await;
        let (bob, _) = shop.customer().await;
        let placed = ana.order(&product, 1).await.expect(201);
        let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
        let _ = ana.get(&path).await.expect(200);
        let _ = bob.get(&path).await.expect_problem(404, "not_found");
        let cancel = bob.put(&path, &json!({"status": "cancelled"})).await;
        let _ = cancel.expect_problem(404, "not_found");
        assert_eq!(
            shop.staff.get(&path).await.expect(200).body["status"],
            "pending"
        );
    }
}

#[tokio::test]
async fn an_order_lives_from_pending_to_delivered() {
    let shop = Shop::with(Caches::redis()).await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let placed = ana.order(&product, 1).await.expect(201);
    let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    for (version, status) in (2..).zip(["paid", "shipped", "delivered"]) {
        let to = json!({"status": status});
        // Asked twice, it is done once.
        for _ in 0..2 {
            let moved = shop.staff.put(&path, &to).await.expect(200);
            assert_eq!(moved.body["status"], status);
            assert_eq!(moved.body["version"], version);
            assert_eq!(moved.body["itens"], placed.body["itens"]);
        }
        assert_eq!(ana.get(&path).await.expect(200).body["status"], status);
    }
    let answer = shop.staff.put(&path, &json!({"status": "cancelled"})).await;
    let answer = answer.expect_problem(409, "illegal_transition");
    assert_eq!(answer.body["from"], "delivered");
    assert_eq!(answer.body["to"], "cancelled");
    assert_eq!(answer.body["allowed"], json!([]));
    assert_eq!(shop.available(&product).await, 8);
}

#[tokio::test]
async fn a_customer_cancels_what_is_pending_and_nothing_else() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let placed = ana.order(&product, 4).await.expect(201);
    let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    let _ = ana
        .put(&path, &json!({"status": "paid"}))
        .await
        .expect_problem(403, "forbidden");
    assert_eq!(shop.available(&product).await, 5);
    let _ = ana
        .put(&path, &json!({"status": "cancelled"}))
        .await
        .expect(200);
    assert_eq!(shop.available(&product).await, 9);

    let placed = ana.order(&product, 4).await.expect(201);
    let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    let _ = shop
        .staff
        .put(&path, &json!({"status": "paid"}))
        .await
        .expect(200);
    let late = ana.put(&path, &json!({"status": "cancelled"})).await;
    let late = late.expect_problem(403, "forbidden");
    assert!(late.body["detail"].as_str().unwrap().contains("paid"));
    assert_eq!(shop.available(&product).await, 5);
}

#[tokio::test]
async fn sixty_four_buyers_at_two_servers_buy_exactly_what_there_is() {
    let shop = Shop::with(Caches::redis()).await;
    // With caches of its own: nothing but the database is between the two.
    let there = TestServer::start(&shop.database, Caches::redis());
    let servers = [shop.anonymous(), there.anonymous()];
    let product = shop.product("1.00", 50).await;
    let (ana, _) = shop.customer().await;
    let buyers = (0..64).map(|n| {
        let (buyer, product) = (ana.at(&servers[n % 2]), product.clone());
        async move { buyer.order(&product, 1).await.status }
    });
    let statuses = join_all(buyers).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 50);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 14);
    assert_eq!(shop.available(&product).await, 0);
}

#[tokio::test]
async fn an_order_whose_buyer_hangs_up_is_placed_whole_or_not_at_all() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 1_000).await;
    let (ana, _) = shop.customer().await;
    let body = json!({"itens": [{"product_id": product, "quantidade": 1}]});
    for microseconds in (0..2_000).step_by(50) {
        let placing = Answer::to(ana.request("POST", "/orders").json(&body));
        let patience = std::time::Duration::from_micros(microseconds);
        let _ = tokio::time::timeout(patience, placing).await;
    }
    let client = shop.database.client().await;
    integration_tests::eventually(
        "nothing is under way, and stock and orders agree",
        || async {
            let open = "
            select count(*) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'";
            let sold = "
            select (select sum(quantidade_disponivel) from stock)::bigint
                 + (select coalesce(sum(quantidade), 0) from itens_order)::bigint";
            let whole = "
            select count(*) from orders
            where not exists (select 1 from itens_order where order_id = orders.id)";
            let count = |query| {
                let client = &client;
                async move { client.query_one(query, &[]).await.unwrap().get::<_, i64>(0) }
            };
            count(open).await == 0 && count(sold).await == 1_000 && count(whole).await == 0
        },
    )
    .await;
}

#[tokio::test]
async fn who_has_this_version_already_gets_no_body() {
    let shop = Shop::with(Caches::redis()).await;
    let product = shop.product("1.00", 9).await;
    let (ana, id) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    let placed = ana.order(&product, 1).await.expect(201);
    let order = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    for path in [&order, &format!("/customers/{id}")] {
        let ask = |tag: &str| Answer::to(ana.request("GET", path).header("if-none-match", tag));
        let tag = ana
            .get(path)
            .await
            .expect(200)
            .header("etag")
            .unwrap()
            .to_owned();
        for known in [&tag, "*", &format!("\"0\", W/{tag}")] {
            let answer = ask(known).await.expect(304);
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
            assert_eq!(answer.body, Value::Null);
        }
        for unknown in ["\"0\"", "nonsense"] {
            let _ = ask(unknown).await.expect(200);
        }
        // What somebody has does not open anothers' things.
        let anothers = Answer::to(bob.request("GET", path).header("if-none-match", &tag)).await;
        let _ = anothers.expect_problem(404, "not_found");
    }
    let tag = ana.get(&order).await.header("etag").unwrap().to_owned();
    let _ = shop
        .staff
        .put(&order, &json!({"status": "paid"}))
        .await
        .expect(200);
    let answer = Answer::to(ana.request("GET", &order).header("if-none-match", &tag)).await;
    let answer = answer.expect(200);
    assert_eq!(answer.body["status"], "paid");
    assert_ne!(answer.header("etag"), Some(tag.as_str()));
}
