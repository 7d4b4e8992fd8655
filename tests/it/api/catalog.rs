//! `/products`.

use integration_tests::{Answer, Caches, Shop};
use serde_json::json;

#[tokio::test]
async fn a_product_is_added_and_seen_by_everybody() {
    let shop = Shop::open().await;
    let body = json!({
        "nome": "Café Cerrado", "descricao": "Em grãos.", "preco": "38.9",
        "quantidade_disponivel": 240,
    });
    let made = shop.staff.post("/products", &body).await.expect(201);
    let path = format!("/products/{}", made.body["id"].as_str().unwrap());
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!(made.body["preco"], "38.90");
    assert_eq!(made.body["quantidade_disponivel"], 240);
    assert!(made.body["created_at"].as_str().unwrap().ends_with('Z'));
    let seen = shop.anonymous().get(&path).await.expect(200);
    assert_eq!(seen.body, made.body);

    let least = json!({"nome": "Café", "preco": 0});
    let least = shop.staff.post("/products", &least).await.expect(201);
    assert_eq!(least.body["descricao"], json!(null));
    assert_eq!(least.body["quantidade_disponivel"], 0);
    assert_eq!(least.body["preco"], "0.00");
}

#[tokio::test]
async fn a_price_is_exact_or_refused() {
    let shop = Shop::open().await;
    for (preco, kept) in [
        ("\"19.90\"", Some("19.90")),
        ("19.90", Some("19.90")),
        ("9999999999.99", Some("9999999999.99")),
        ("0.30000000000000001", None),
        ("\"19.999\"", None),
        ("10000000000", None),
        ("-1", None),
        ("\"1e3\"", None),
    ] {
        let body = format!(r#"{{"nome": "Café", "preco": {preco}}}"#);
        let request = shop.staff.request("POST", "/products");
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let answer = Answer::to(request).await;
        if let Some(kept) = kept {
            assert_eq!(answer.expect(201).body["preco"], kept);
        } else {
            let answer = answer.expect_problem(422, "validation_failed");
            assert_eq!(answer.body["errors"][0]["pointer"], "/preco", "{preco}");
        }
    }
}

#[tokio::test]
async fn stock_is_read_and_set_by_the_shop() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 5).await;
    let path = format!("/products/{product}/stock");
    let before = shop.staff.get(&path).await.expect(200);
    assert_eq!(before.body["product_id"], *product);
    assert_eq!(before.body["quantidade_disponivel"], 5);
    let set = shop
        .staff
        .put(&path, &json!({"quantidade_disponivel": 9}))
        .await
        .expect(200);
    assert_eq!(set.body["id"], before.body["id"]);
    assert_eq!(set.body["quantidade_disponivel"], 9);
    assert_eq!(shop.available(&product).await, 9);
    let wrong = shop
        .staff
        .put(&path, &json!({"quantidade_disponivel": -1}))
        .await;
    let _ = wrong.expect_problem(422, "validation_failed");
    let nothing = "/products/0192f0c1-2a3b-7c4d-8e5f-60718293a4b5/stock";
    let _ = shop
        .staff
        .get(nothing)
        .await
        .expect_problem(404, "not_found");
    let set = shop
        .staff
        .put(nothing, &json!({"quantidade_disponivel": 1}))
        .await;
    let _ = set.expect_problem(404, "not_found");
}

#[tokio::test]
async fn best_sellers_come_most_sold_first() {
    let shop = Shop::with(Caches::redis()).await;
    let (ana, _) = shop.customer().await;
    let (few, many) = (shop.product("1.00", 9).await, shop.product("2.00", 9).await);
    let _ = ana.order(&few, 1).await.expect(201);
    let _ = ana.order(&many, 3).await.expect(201);
    let top = shop
        .anonymous()
        .get("/products/best-sellers")
        .await
        .expect(200);
    assert_eq!(
        top.body,
        json!({"items": [
            {"product_id": many, "nome": "Café", "preco": "2.00", "quantidade_vendida": 3},
            {"product_id": few, "nome": "Café", "preco": "1.00", "quantidade_vendida": 1},
        ]})
    );
    let first = shop
        .anonymous()
        .get("/products/best-sellers?limit=1&days=30")
        .await;
    assert_eq!(first.expect(200).body["items"].as_array().unwrap().len(), 1);
}
