//! `GET /orders/{id}/history`, and what can become of an order.

use integration_tests::{Answer, Caches, Client, Shop};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The history of an order, without its moments; those do not go back.
async fn history(reader: &Client, order: &str) -> Vec<Value> {
    let answer = reader.get(&format!("{order}/history")).await.expect(200);
    let mut entries = answer.items().to_vec();
    let moments = entries.iter_mut().map(|entry| {
        let moment = entry.as_object_mut().unwrap().remove("at").unwrap();
        OffsetDateTime::parse(moment.as_str().unwrap(), &Rfc3339).unwrap()
    });
    assert!(moments.collect::<Vec<_>>().is_sorted());
    entries
}

fn path(order: &Answer) -> String {
    order.header("location").unwrap().to_owned()
}

/// The id of the account of this role, of which there is one.
async fn account(shop: &Shop, role: &str) -> String {
    let client = shop.database.client().await;
    let account = "select id::text from users where role = $1";
    client.query_one(account, &[&role]).await.unwrap().get(0)
}

fn entry(status: &str, role: &str, account: Option<&str>, note: Option<&str>) -> Value {
    json!({"status": status, "role": role, "account_id": account, "note": note})
}

#[tokio::test]
async fn a_history_says_who_took_an_order_to_which_status_and_what_they_noted() {
    let shop = Shop::with(Caches::redis()).await;
    let product = shop.product("1.00", 9).await;
    let admin = shop.server.admin().await;
    let (ana, _) = shop.customer().await;
    let order = ana.order(&product, 1).await.expect(201);
    let path = path(&order);
    for (by, to) in [
        (
            &shop.staff,
            json!({"status": "paid", "note": "Pix, nº 7\n"}),
        ),
        (&admin, json!({"status": "shipped"})),
    ] {
        let _ = by.put(&path, &to).await.expect(200);
    }
    let (of_ana, of_staff, of_admin) = (
        account(&shop, "customer").await,
        account(&shop, "staff").await,
        account(&shop, "admin").await,
    );
    let to_the_shop = [
        entry("pending", "customer", Some(&of_ana), None),
        entry("paid", "staff", Some(&of_staff), Some("Pix, nº 7\n")),
        entry("shipped", "admin", Some(&of_admin), None),
    ];
    for reader in [&shop.staff, &admin] {
        assert_eq!(history(reader, &path).await, to_the_shop);
    }
    let to_the_customer = [
        entry("pending", "customer", Some(&of_ana), None),
        entry("paid", "staff", None, Some("Pix, nº 7\n")),
        entry("shipped", "admin", None, None),
    ];
    assert_eq!(history(&ana, &path).await, to_the_customer);
    let first = ana.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(first.items()[0]["at"], order.body["data_order"]);
}

#[tokio::test]
async fn what_the_shop_placed_is_the_shops_and_what_a_customer_cancelled_is_theirs() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, id) = shop.customer().await;
    let body = json!({"customer_id": id, "itens": [{"product_id": product, "quantidade": 1}]});
    let order = shop.staff.post("/orders", &body).await.expect(201);
    let path = path(&order);
    let cancel = json!({"status": "cancelled", "note": "Changed my mind."});
    let _ = ana.put(&path, &cancel).await.expect(200);
    let account = account(&shop, "customer").await;
    let expected = [
        entry("pending", "staff", None, None),
        entry(
            "cancelled",
            "customer",
            Some(&account),
            Some("Changed my mind."),
        ),
    ];
    assert_eq!(history(&ana, &path).await, expected);
}

#[tokio::test]
async fn a_history_shows_to_whom_its_order_shows() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let (bob, _) = shop.customer().await;
    let order = ana.order(&product, 1).await.expect(201);
    let path = format!("{}/history", path(&order));
    let _ = ana.get(&path).await.expect(200);
    let _ = bob.get(&path).await.expect_problem(404, "not_found");
    let anonymous = shop.anonymous().get(&path).await;
    let _ = anonymous.expect_problem(401, "token_missing");
    let nothing = "/orders/0192f0c1-2a3b-7c4d-8e5f-60718293a4b5/history";
    let nothing = shop.staff.get(nothing).await;
    let _ = nothing.expect_problem(404, "not_found");
    let none = shop.staff.get("/orders/7/history").await;
    let _ = none.expect_problem(400, "malformed_id");
}

#[tokio::test]
async fn what_changes_nothing_adds_nothing_to_a_history() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let path = path(&ana.order(&product, 1).await.expect(201));
    let pending = json!({"status": "pending", "note": "Still here."});
    let _ = shop.staff.put(&path, &pending).await.expect(200);
    let paid = json!({"status": "paid", "note": "Once."});
    let _ = shop.staff.put(&path, &paid).await.expect(200);
    let tag = shop.staff.get(&format!("{path}/history")).await.tag();
    for again in [paid, json!({"status": "paid", "note": "Twice."})] {
        let _ = shop.staff.put(&path, &again).await.expect(200);
    }
    // What is refused neither.
    let refused = json!({"status": "delivered", "note": "Lost."});
    let refused = shop.staff.put(&path, &refused).await;
    let _ = refused.expect_problem(409, "illegal_transition");
    let refused = json!({"status": "cancelled", "note": "Please."});
    let refused = ana.put(&path, &refused).await;
    let _ = refused.expect_problem(403, "forbidden");
    let kept = history(&shop.staff, &path).await;
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[1]["note"], "Once.");
    let unchanged = shop.staff.get(&format!("{path}/history")).await;
    assert_eq!(unchanged.tag(), tag);
}

#[tokio::test]
async fn a_note_has_one_to_five_hundred_characters() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let path = path(&ana.order(&product, 1).await.expect(201));
    for note in ["", " \n ", "\u{7}", &"é".repeat(501)] {
        let to = json!({"status": "paid", "note": note});
        let answer = shop.staff.put(&path, &to).await;
        let answer = answer.expect_problem(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["pointer"], "/note");
    }
    assert_eq!(history(&ana, &path).await.len(), 1);
    let longest = "é".repeat(500);
    let to = json!({"status": "paid", "note": longest});
    let _ = shop.staff.put(&path, &to).await.expect(200);
    assert_eq!(history(&ana, &path).await[1]["note"], *longest);
}

#[tokio::test]
async fn everybody_sees_to_which_statuses_they_may_take_an_order() {
    let shop = Shop::with(Caches::redis()).await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let shown = async |reader: &Client, path: &str, expected: &Value| {
        let one = reader.get(path).await.expect(200).body;
        assert_eq!(one["allowed_transitions"], *expected, "{one}");
        let all = reader.get("/orders?limit=1").await.expect(200);
        assert_eq!(all.items(), [one]);
    };
    let order = ana.order(&product, 1).await.expect(201);
    assert_eq!(order.body["allowed_transitions"], json!(["cancelled"]));
    let path = path(&order);
    shown(&ana, &path, &json!(["cancelled"])).await;
    shown(&shop.staff, &path, &json!(["paid", "cancelled"])).await;
    for (status, next) in [
        ("paid", json!(["shipped", "cancelled"])),
        ("shipped", json!(["delivered"])),
        ("delivered", json!([])),
    ] {
        let moved = shop.staff.put(&path, &json!({"status": status})).await;
        assert_eq!(moved.expect(200).body["allowed_transitions"], next);
        shown(&shop.staff, &path, &next).await;
        shown(&ana, &path, &json!([])).await;
    }
    let order = ana.order(&product, 1).await.expect(201);
    let cancel = json!({"status": "cancelled"});
    let cancelled = ana.put(order.header("location").unwrap(), &cancel).await;
    assert_eq!(cancelled.expect(200).body["allowed_transitions"], json!([]));
}
