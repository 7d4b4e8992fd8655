//! `/stock`, `/products/{id}/stock` and its ledger.

use futures_util::future::join_all;
use integration_tests::{Answer, Client, Shop};
use serde_json::{Value, json};

fn movements(product: &str) -> String {
    format!("/products/{product}/stock/movements")
}

async fn moved(client: &Client, product: &str, body: &Value) -> Answer {
    client.post(&movements(product), body).await
}

/// Counts what there is, and says which tag whoever counts has seen.
async fn counted(staff: &Client, product: &str, tag: &str, units: i64) -> Answer {
    let request = staff.request("PUT", &format!("/products/{product}/stock"));
    let body = json!({"quantidade_disponivel": units});
    Answer::to(request.header("if-match", tag).json(&body)).await
}

#[tokio::test]
async fn a_movement_is_answered_with_the_balance_and_stands_in_the_ledger() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 5).await;
    let body = json!({"delta": 24, "reason": "receipt", "note": "Nota fiscal 1234."});
    let made = moved(&shop.staff, &product, &body).await.expect(201);
    assert_eq!(made.header("location"), Some(&*movements(&product)));
    assert_eq!(made.body["balance"], 29);
    assert_eq!(made.body["role"], "staff");
    let ledger = shop.staff.get(&movements(&product)).await.expect(200);
    assert_eq!(ledger.items()[0], made.body);
    assert_eq!(ledger.items()[1]["reason"], "opening");
    assert_eq!(ledger.items().len(), 2);
    assert_eq!(shop.available(&product).await, 29);
}

#[tokio::test]
async fn nothing_is_taken_away_that_is_not_there_and_the_answer_says_what_is() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 5).await;
    let body = json!({"delta": -6, "reason": "loss"});
    let refused = moved(&shop.staff, &product, &body).await;
    let refused = refused.expect_problem(409, "insufficient_stock");
    let error = &refused.body["errors"][0];
    assert_eq!(error["pointer"], "/delta");
    assert_eq!(error["product_id"], product);
    assert_eq!(
        (&error["requested"], &error["available"]),
        (&json!(6), &json!(5))
    );
    assert_eq!(shop.available(&product).await, 5);
}

#[tokio::test]
async fn a_movement_of_nothing_or_for_no_reason_is_refused_with_every_fault() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 5).await;
    let body = json!({"delta": 0, "reason": "sale", "note": ""});
    let refused = moved(&shop.staff, &product, &body).await;
    let refused = refused.expect_problem(422, "validation_failed");
    let errors = refused.body["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = errors.map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/delta", "/reason", "/note"]);
}

#[tokio::test]
async fn of_two_counters_with_one_tag_the_second_is_told_that_the_stock_has_changed() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 5).await;
    let path = format!("/products/{product}/stock");
    let tag = shop.staff.get(&path).await.expect(200).tag();
    let set = counted(&shop.staff, &product, &tag, 7).await.expect(200);
    assert_eq!(set.body["quantidade_disponivel"], 7);
    let _ = counted(&shop.staff, &product, &tag, 8)
        .await
        .expect_problem(412, "stale");
    // The answer's tag is the new one.
    let _ = counted(&shop.staff, &product, &set.tag(), 8)
        .await
        .expect(200);
    let malformed = counted(&shop.staff, &product, "8", 9).await;
    let _ = malformed.expect_problem(400, "malformed_match");
    assert_eq!(shop.available(&product).await, 8);
}

#[tokio::test]
async fn a_count_that_expects_another_level_is_told_what_there_is() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 5).await;
    let path = format!("/products/{product}/stock");
    let count = |expected| json!({"quantidade_disponivel": 7, "expected": expected});
    let refused = shop.staff.put(&path, &count(4)).await;
    let refused = refused.expect_problem(409, "stock_changed");
    assert_eq!(refused.body["available"], 5);
    assert_eq!(shop.available(&product).await, 5);
    let _ = shop.staff.put(&path, &count(5)).await.expect(200);
    assert_eq!(shop.available(&product).await, 7);
}

#[tokio::test]
async fn the_ledger_tells_of_orders_page_by_page() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 9).await;
    let (customer, _) = shop.customer().await;
    let order = customer.order(&product, 2).await.expect(201).id();
    let cancel = json!({"status": "cancelled", "note": "Desisti."});
    let _ = customer
        .put(&format!("/orders/{order}"), &cancel)
        .await
        .expect(200);
    let _ = customer.order(&product, 3).await.expect(201);
    let entries = shop
        .staff
        .walk(&format!("{}?limit=1", movements(&product)))
        .await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            json!([
                entry["reason"],
                entry["delta"],
                entry["balance"],
                entry["role"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["sale", -3, 6, "customer"]),
            json!(["cancellation", 2, 9, "customer"]),
            json!(["sale", -2, 7, "customer"]),
            json!(["opening", 9, 9, "staff"]),
        ]
    );
    assert_eq!(entries[1]["order_id"], order);
    assert_eq!(entries[1]["note"], "Desisti.");
}

#[tokio::test]
async fn what_an_import_sets_stands_in_the_ledger() {
    let shop = Shop::open().await;
    let import = async |units: &str| {
        let request = shop.staff.request("POST", "/products/import");
        let table = format!("sku,nome,preco,quantidade_disponivel\nCAFE,Café,19.90,{units}\n");
        let request = request.header("content-type", "text/csv").body(table);
        let _ = Answer::to(request).await.expect(200);
    };
    import("5").await;
    import("3").await;
    import("3").await;
    let found = shop.staff.get("/stock?below=4").await.expect(200);
    let [stock] = found.items() else {
        panic!("{:?}", found.items());
    };
    assert_eq!(
        (&stock["sku"], &stock["quantidade_disponivel"]),
        (&json!("CAFE"), &json!(3))
    );
    let product = stock["product_id"].as_str().unwrap();
    let ledger = shop.staff.get(&movements(product)).await.expect(200);
    let told: Vec<_> = ledger
        .items()
        .iter()
        .map(|entry| json!([entry["reason"], entry["delta"], entry["role"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["count", -2, "staff"]),
            json!(["opening", 5, "staff"])
        ]
    );
}

#[tokio::test]
async fn what_runs_low_is_listed_the_lowest_first() {
    let shop = Shop::open().await;
    for units in [4, 0, 9] {
        shop.product("19.90", units).await;
    }
    let low = shop.staff.walk("/stock?below=5&limit=1").await;
    let units: Vec<_> = low
        .iter()
        .map(|stock| &stock["quantidade_disponivel"])
        .collect();
    assert_eq!(units, [0, 4]);
    for query in ["", "?below=-1", "?below=few"] {
        let refused = shop.staff.get(&format!("/stock{query}")).await;
        let refused = refused.expect_problem(400, "malformed_query");
        assert_eq!(refused.body["errors"][0]["parameter"], "below", "{query}");
    }
}

#[tokio::test]
async fn there_is_no_ledger_of_a_product_that_is_not_there() {
    let shop = Shop::open().await;
    let nothing = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";
    let ledger = shop.staff.get(&movements(nothing)).await;
    let _ = ledger.expect_problem(404, "not_found");
    let body = json!({"delta": 1, "reason": "receipt"});
    let _ = moved(&shop.staff, nothing, &body)
        .await
        .expect_problem(404, "not_found");
}

async fn keyed(staff: &Client, product: &str, key: &str, body: &Value) -> Answer {
    let request = staff.request("POST", &movements(product));
    Answer::to(request.header("idempotency-key", key).json(body)).await
}

#[tokio::test]
async fn a_movement_under_a_key_is_made_once_however_often_it_is_sent() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 5).await;
    let (customer, _) = shop.customer().await;
    let body = json!({"delta": 3, "reason": "receipt", "note": "Nota fiscal 7."});
    let send = || keyed(&shop.staff, &product, "delivery-7", &body);
    let all = join_all((0..8).map(|_| send())).await;
    let (mut replays, mut bodies) = (0, Vec::new());
    for answer in all {
        let answer = answer.expect(201);
        replays += usize::from(answer.header("idempotency-replayed").is_some());
        bodies.push(answer.body);
    }
    assert_eq!((replays, shop.available(&product).await), (7, 8));
    // A repeat is answered as the first was, whatever was sold meanwhile.
    let _ = customer.order(&product, 2).await.expect(201);
    let late = send().await.expect(201);
    bodies.push(late.body);
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["balance"], 8);
    assert_eq!(shop.available(&product).await, 6);

    let more = json!({"delta": 4, "reason": "receipt"});
    let other = keyed(&shop.staff, &product, "delivery-7", &more).await;
    let _ = other.expect_problem(422, "idempotency_key_reused");
    // One that was refused has not used its key up.
    let loss = json!({"delta": -7, "reason": "loss"});
    let refused = keyed(&shop.staff, &product, "loss-1", &loss).await;
    let _ = refused.expect_problem(409, "insufficient_stock");
    let _ = shop
        .staff
        .post(&movements(&product), &body)
        .await
        .expect(201);
    let _ = keyed(&shop.staff, &product, "loss-1", &loss)
        .await
        .expect(201);
}
