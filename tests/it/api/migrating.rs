//! A table that changes beside a running server.

use integration_tests::Shop;
use serde_json::json;

#[tokio::test]
async fn a_column_that_changes_its_type_is_read_over_connections_that_were_open_before() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 99).await;
    let (ana, ana_id) = shop.customer().await;
    let order = |units| ana.order(&product, units);
    let path = |answer: integration_tests::Answer| {
        format!(
            "/orders/{}",
            answer.expect(201).body["id"].as_str().unwrap()
        )
    };
    let quote = json!({"itens": [{"product_id": product, "quantidade": 1}]});
    // What is asked for before and after each change; every statement is prepared by then.
    let everything = || async {
        let (paid, cancelled) = (path(order(1).await), path(order(1).await));
        let _ = ana
            .post("/orders?validate_only=true", &quote)
            .await
            .expect(200);
        let _ = shop
            .staff
            .put(&paid, &json!({"status": "paid"}))
            .await
            .expect(200);
        let _ = ana
            .put(&cancelled, &json!({"status": "cancelled"}))
            .await
            .expect(200);
        let fresh = shop.replica();
        let _ = ana.at(&fresh.anonymous()).get(&paid).await.expect(200);
        let read = shop.anonymous().get(&format!("/products/{product}")).await;
        assert_eq!(read.expect(200).body["preco"], "19.90");
        let _ = shop
            .staff
            .get(&format!("/products/{product}/stock"))
            .await
            .expect(200);
        let _ = ana.get(&format!("/customers/{ana_id}")).await.expect(200);
        let other = shop.customer().await;
        drop(other);
    };
    everything().await;
    let client = shop.database.client().await;
    for change in [
        "alter table products alter column preco type numeric(14, 2)",
        "alter table products alter column sku type varchar(100)",
        "alter table itens_order alter column preco_unitario type numeric(14, 2)",
        "alter table orders alter column status type varchar(20)",
        "alter table customers alter column nome type varchar(300)",
        "alter table users alter column password_hash type varchar(100)",
        "alter table orders add column note text",
    ] {
        client.batch_execute(change).await.unwrap();
        everything().await;
    }
}
