//! What is exported, as of one moment.

use integration_tests::{Answer, Client, Shop};
use serde_json::{Value, json};

use super::{CSV, NDJSON, exported, lines, place, text};

#[tokio::test]
async fn an_export_holds_what_a_list_would_and_is_refused_in_other_formats() {
    let shop = Shop::open().await;
    let product = shop.product("2.50", 90).await;
    let other = shop.product("1.00", 9).await;
    let (ana, ana_id) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    for n in 1..=3 {
        let _ = ana.order(&product, n).await.expect(201);
        let _ = bob.order(&product, n).await.expect(201);
    }
    let _ = bob.order(&other, 1).await.expect(201);
    let count =
        async |client: &Client, path: &str| lines(&exported(client, path, NDJSON).await).len();
    assert_eq!(count(&shop.staff, "/orders/export").await, 7);
    assert_eq!(count(&ana, "/orders/export").await, 3);
    assert_eq!(
        count(&bob, &format!("/orders/export?customer_id={ana_id}")).await,
        0
    );
    let of_product = format!("/orders/export?product_id={product}&status=pending");
    assert_eq!(count(&shop.staff, &of_product).await, 6);
    let listed = ana.get("/orders?sort=data_order").await.expect(200);
    let lines = lines(&exported(&ana, "/orders/export", "*/*").await);
    assert_eq!(listed.body["items"].as_array().unwrap(), &lines);
    let table = exported(&ana, "/orders/export", "text/html, text/csv;q=0.5").await;
    assert_eq!(text(&table).lines().count(), 4);
    let disposition = table.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"orders.csv\""));
    let html = ana
        .request("GET", "/orders/export")
        .header("accept", "text/html");
    let _ = Answer::to(html).await.expect_problem(406, "not_acceptable");
    let json = shop
        .staff
        .request("POST", "/products/import")
        .json(&json!({}));
    let _ = Answer::to(json)
        .await
        .expect_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_person_gets_all_that_is_known_of_them_and_nothing_of_others() {
    let shop = Shop::open().await;
    let product = shop.product("2.50", 90).await;
    let (ana, ana_id) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    let order = ana.order(&product, 2).await.expect(201).body;
    let _ = bob.order(&product, 1).await.expect(201);
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let paid = json!({"status": "paid", "note": "by Pix"});
    let _ = shop.staff.put(&path, &paid).await.expect(200);
    let path = format!("/customers/{ana_id}/export");
    let told = ana.get(&path).await.expect(200).body;
    assert_eq!(told["customer"]["id"], ana_id.as_str());
    assert_eq!(told["account"]["email"], told["customer"]["email"]);
    assert_eq!(told["orders"][0]["id"], order["id"]);
    assert_eq!(told["orders"].as_array().unwrap().len(), 1);
    let history = told["history"].as_array().unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1]["note"], "by Pix");
    assert_eq!(history[1]["account_id"], Value::Null);
    let _ = shop.staff.get(&path).await.expect(200);
    let _ = bob.get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_export_of_many_reads_cuts_no_order_and_ends_with_the_last() {
    let shop = Shop::open().await;
    let (ana, ana_id) = shop.customer().await;
    for _ in 0..3 {
        let _ = shop.product("1.00", 1).await;
    }
    place(&shop, &ana_id, 1_500).await;
    let orders = lines(&exported(&shop.staff, "/orders/export", NDJSON).await);
    assert_eq!(orders.len(), 1_500);
    let is_whole = |order: &Value| order["itens"].as_array().unwrap().len() == 3;
    assert!(orders.iter().all(is_whole));
    let table = text(&exported(&shop.staff, "/orders/export", CSV).await);
    assert_eq!(table.lines().count(), 1 + 3 * 1_500);
    let told = ana.get(&format!("/customers/{ana_id}/export")).await;
    let told = told.expect(200).body;
    assert_eq!(
        told["orders"].as_array().unwrap(),
        &as_its_customer(&orders)
    );
    assert_eq!(told["history"].as_array().unwrap().len(), 1_500);
}

/// The same orders as a customer sees them, who may only cancel.
fn as_its_customer(orders: &[Value]) -> Vec<Value> {
    let own = |order: &Value| {
        let mut order = order.clone();
        order["allowed_transitions"] = json!(["cancelled"]);
        order
    };
    orders.iter().map(own).collect()
}
