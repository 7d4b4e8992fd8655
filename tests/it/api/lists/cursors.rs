//! A cursor belongs to the list that it was made for.

use integration_tests::{Client, Shop};
use serde_json::json;

use super::products;

/// Asks for a page with a cursor that does not belong there.
async fn refused(reader: &Client, path: &str) {
    let answer = reader.get(path).await;
    let answer = answer.expect_problem(400, "malformed_query");
    let fault = &answer.body["errors"][0];
    assert_eq!(fault["code"], "unknown_cursor", "{path}");
    assert_eq!(fault["parameter"], "cursor", "{path}");
}

async fn cursor(reader: &Client, path: &str) -> String {
    let page = reader.get(path).await.expect(200);
    page.body["next_cursor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_cursor_of_another_list_is_unknown() {
    let shop = Shop::open().await;
    products(&shop, 4).await;
    for name in ["Ana", "Bob"] {
        let body = json!({"nome": name, "email": format!("{name}@example.com")});
        let _ = shop.staff.post("/customers", &body).await.expect(201);
    }
    let of_all = cursor(&shop.staff, "/products?limit=1").await;
    let of_some = cursor(&shop.staff, "/products?limit=1&min_price=1").await;
    let of_customers = cursor(&shop.staff, "/customers?limit=1").await;
    for path in [
        format!("/products?min_price=1&cursor={of_all}"),
        format!("/products?sort=created_at&cursor={of_all}"),
        format!("/products?sort=preco&cursor={of_all}"),
        format!("/products?min_price=2&cursor={of_some}"),
        format!("/products?max_price=1&cursor={of_some}"),
        format!("/products?cursor={of_some}"),
        format!("/customers?cursor={of_all}"),
        format!("/orders?cursor={of_all}"),
        format!("/products?cursor={of_customers}"),
    ] {
        refused(&shop.staff, &path).await;
    }
}

#[tokio::test]
async fn a_cursor_that_was_changed_anywhere_is_unknown() {
    let shop = Shop::open().await;
    products(&shop, 2).await;
    let cursor = cursor(&shop.staff, "/products?limit=1").await;
    for place in 0..cursor.len() {
        let mut changed = cursor.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        refused(&shop.staff, &format!("/products?cursor={changed}")).await;
    }
    for garbage in [
        "",
        "x",
        "%00",
        "%C3%A9",
        &cursor[1..],
        &format!("{cursor}A"),
    ] {
        refused(&shop.staff, &format!("/products?cursor={garbage}")).await;
    }
}

#[tokio::test]
async fn a_cursor_goes_on_with_another_limit_and_another_sequence_of_parameters() {
    let shop = Shop::open().await;
    let made = products(&shop, 9).await;
    let list = "sort=created_at&min_price=1";
    let cursor = cursor(&shop.staff, &format!("/products?limit=2&{list}")).await;
    for path in [
        format!("/products?limit=100&{list}&cursor={cursor}"),
        format!("/products?{list}&cursor={cursor}"),
        format!("/products?cursor={cursor}&min_price=1&sort=created_at"),
    ] {
        let page = shop.staff.get(&path).await.expect(200);
        assert_eq!(page.items(), &made[2..], "{path}");
    }
}

#[tokio::test]
async fn another_replica_reads_the_cursor_too() {
    let shop = Shop::open().await;
    let made = products(&shop, 3).await;
    let first = "/products?limit=1&sort=created_at";
    let first = shop.anonymous().get(first).await.expect(200);
    let next = first.next().unwrap();
    let there = shop.replica();
    let page = there.anonymous().get(&next).await.expect(200);
    assert_eq!(page.items(), &made[1..2]);
}

#[tokio::test]
async fn a_cursor_opens_nothing_that_is_anothers() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    for _ in 0..3 {
        let _ = ana.order(&product, 1).await.expect(201);
    }
    let first = ana.get("/orders?limit=1").await.expect(200);
    let next = first.next().unwrap();
    let page = bob.get(&next).await.expect(200);
    assert_eq!(page.body, json!({"items": [], "next_cursor": null}));
}
