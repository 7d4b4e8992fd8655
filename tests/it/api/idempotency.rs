//! `Idempotency-Key` and `validate_only` on `POST /orders`.

use futures_util::future::join_all;
use integration_tests::{Answer, Caches, Client, Shop, TestServer};
use serde_json::{Value, json};

async fn place(client: &Client, key: &str, body: &Value) -> Answer {
    let request = client
        .request("POST", "/orders")
        .header("idempotency-key", key);
    Answer::to(request.json(body)).await
}

fn one_of(product: &str) -> Value {
    json!({"itens": [{"product_id": product, "quantidade": 1}]})
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_was_and_places_nothing() {
    let shop = Shop::with(Caches::redis()).await;
    let product = shop.product("1.00", 1).await;
    let (ana, _) = shop.customer().await;
    let first = place(&ana, "key-1", &one_of(&product)).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let path = first.header("location").unwrap().to_owned();
    let _ = shop
        .staff
        .put(&path, &json!({"status": "paid"}))
        .await
        .expect(200);
    // Bare or as a structured string, it is the same key.
    for key in ["key-1", "\"key-1\""] {
        let again = place(&ana, key, &one_of(&product)).await.expect(201);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.header("location"), Some(path.as_str()));
        assert_eq!(again.body, first.body);
    }
    assert_eq!(shop.available(&product).await, 0);
}

#[tokio::test]
async fn a_key_does_not_stand_for_another_request_nor_for_another_account() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    let _ = place(&ana, "key-1", &one_of(&product)).await.expect(201);
    let two = json!({"itens": [{"product_id": product, "quantidade": 2}]});
    let reused = place(&ana, "key-1", &two).await;
    let _ = reused.expect_problem(422, "idempotency_key_reused");
    let own = place(&bob, "key-1", &one_of(&product)).await.expect(201);
    assert_eq!(own.header("idempotency-replayed"), None);
    assert_eq!(shop.available(&product).await, 7);
}

#[tokio::test]
async fn a_refused_order_does_not_use_its_key_up() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 0).await;
    let (ana, _) = shop.customer().await;
    let refused = place(&ana, "key-1", &one_of(&product)).await;
    let _ = refused.expect_problem(409, "insufficient_stock");
    let stock = format!("/products/{product}/stock");
    let _ = shop
        .staff
        .put(&stock, &json!({"quantidade_disponivel": 1}))
        .await
        .expect(200);
    let placed = place(&ana, "key-1", &one_of(&product)).await.expect(201);
    assert_eq!(placed.header("idempotency-replayed"), None);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let shop = Shop::open().await;
    let (ana, _) = shop.customer().await;
    for key in ["", "\"\"", "a b", &"k".repeat(256)] {
        let answer = place(&ana, key, &one_of("x")).await;
        let _ = answer.expect_problem(400, "malformed_idempotency_key");
    }
}

#[tokio::test]
async fn one_key_from_thirty_two_tasks_at_two_servers_makes_one_order() {
    let shop = Shop::with(Caches::redis()).await;
    // With caches of its own: nothing but the database is between the two.
    let there = TestServer::start(&shop.database, Caches::redis());
    let servers = [shop.anonymous(), there.anonymous()];
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    let body = one_of(&product);
    let requests = (0..32).map(|n| {
        let (buyer, body) = (ana.at(&servers[n % 2]), body.clone());
        async move { place(&buyer, "key-1", &body).await.expect(201) }
    });
    let answers = join_all(requests).await;
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let replayed = answers
        .iter()
        .filter(|a| a.header("idempotency-replayed").is_some());
    assert_eq!(replayed.count(), 31);
    assert_eq!(shop.available(&product).await, 98);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 3).await;
    let (ana, id) = shop.customer().await;
    let dry = "/orders?validate_only=true";
    let body = |units| json!({"itens": [{"product_id": product, "quantidade": units}]});
    let quote = ana.post(dry, &body(3)).await.expect(200);
    assert_eq!(
        quote.body,
        json!({
            "customer_id": id,
            "itens": [{
                "product_id": product, "quantidade": 3,
                "preco_unitario": "19.90", "subtotal": "59.70",
            }],
            "total": "59.70",
        })
    );
    let refused = ana
        .post(dry, &body(4))
        .await
        .expect_problem(409, "insufficient_stock");
    assert_eq!(refused.body["errors"][0]["available"], 3);
    assert_eq!(shop.available(&product).await, 3);
    let placed = ana
        .post("/orders?validate_only=false", &body(3))
        .await
        .expect(201);
    assert_eq!(placed.body["total"], quote.body["total"]);
    let wrong = ana.post("/orders?validate_only=yes", &body(1)).await;
    let _ = wrong.expect_problem(400, "malformed_query");
}
