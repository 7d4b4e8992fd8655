//! What only reads changes nothing.

use integration_tests::{DOCUMENT, Shop, TestDatabase, eventually};
use serde_json::json;

/// Every table with its rows, and with the transactions that wrote them.
async fn content(database: &TestDatabase) -> Vec<(String, String)> {
    let client = database.client().await;
    let tables = "
        select table_name::text
        from information_schema.tables
        where table_schema = current_schema() and table_type = 'BASE TABLE'
        order by table_name";
    let mut content = Vec::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let rows = format!(
            "select coalesce(string_agg(concat_ws(' ', t.xmin, t.ctid, t), E'\\n' order by t.ctid), '')
             from {table} as t"
        );
        let rows = client.query_one(&rows, &[]).await.unwrap().get(0);
        content.push((table, rows));
    }
    content
}

#[tokio::test]
async fn no_get_changes_a_row_of_any_table() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let admin = shop.server.admin().await;
    let (ana, customer) = shop.customer().await;
    let order = ana.order(&product, 1).await.expect(201).id();
    let key = json!({"name": "ERP", "scopes": ["orders:read"]});
    let key = admin.post("/api-keys", &key).await.expect(201).id();
    let user = admin.get("/users").await.expect(200).items()[0]["id"].clone();
    let one_of = |noun: &str| match noun {
        "products" => product.as_str(),
        "customers" => customer.as_str(),
        "orders" => order.as_str(),
        "api-keys" => key.as_str(),
        "users" => user.as_str().unwrap(),
        "docs" => "docs.css",
        noun => panic!("say which of {noun} to read"),
    };
    // A server gathers what was sold once it has started, and then there is nothing left to gather.
    let _gathers = shop.replica();
    let client = shop.database.client().await;
    eventually("what was sold is gathered", || async {
        let log = client.query("select from sales_log", &[]).await;
        log.unwrap().is_empty()
    })
    .await;
    let before = content(&shop.database).await;
    let mut count = 0;
    for (template, item) in DOCUMENT["paths"].as_object().unwrap() {
        if item["get"].is_null() {
            continue;
        }
        count += 1;
        let noun = template.split('/').nth(1).unwrap();
        let mut path = template.clone();
        if template.contains('{') {
            path = path.replace("{id}", one_of(noun));
            path = path.replace("{name}", one_of(noun));
        }
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        let needed = parameters.filter(|one| one["in"] == "query" && one["required"] == true);
        let query: Vec<_> = needed
            .map(|one| format!("{}=9", one["name"].as_str().unwrap()))
            .collect();
        path = format!("{path}?{}", query.join("&"));
        let _ = admin.get(&path).await.expect(200);
    }
    assert!(count > 20, "{count} operations were found");
    for (before, after) in before.into_iter().zip(content(&shop.database).await) {
        assert_eq!(before, after);
    }
}
