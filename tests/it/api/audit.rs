//! The audit log: who did what, written together with what was done.

use std::collections::BTreeSet;

use integration_tests::{Answer, Client, PASSWORD, Shop};
use serde_json::{Value, json};

/// The actions of these entries, and the ids of what they were done to; the first first.
fn acts<'a>(entries: &'a [Value]) -> Vec<(&'a str, &'a str)> {
    let text = |entry: &'a Value, name: &str| entry[name].as_str().unwrap();
    let acts = entries.iter().rev();
    acts.map(|entry| (text(entry, "action"), text(entry, "thing_id")))
        .collect()
}

async fn account(client: &Client) -> String {
    client.get("/me").await.expect(200).id()
}

/// What was done, and the id of what it was done to.
type Done = Vec<(&'static str, String)>;

/// Does everything to customers, the catalogue, stock and orders.
async fn run_the_shop(admin: &Client) -> Done {
    let body = json!({"nome": "Ana Souza", "email": "ana@example.com"});
    let ana = admin.post("/customers", &body).await.expect(201).id();
    let customer = format!("/customers/{ana}");
    let edit = admin
        .patch(&customer, "*", &json!({"nome": "Ana Lima"}))
        .await;
    let _ = edit.expect(200);

    let product = admin.product("19.90", 9).await;
    let path = format!("/products/{product}");
    let edit = admin.patch(&path, "*", &json!({"preco": "21.90"})).await;
    let _ = edit.expect(200);
    let movement = json!({"delta": 3, "reason": "receipt"});
    let movements = format!("{path}/stock/movements");
    let _ = admin.post(&movements, &movement).await.expect(201);
    let count = json!({"quantidade_disponivel": 7});
    let counted = admin.put(&format!("{path}/stock"), &count).await;
    let _ = counted.expect(200);

    let order = json!({"customer_id": ana, "itens": [{"product_id": product, "quantidade": 2}]});
    let order = admin.post("/orders", &order).await.expect(201).id();
    let (path, paid) = (format!("/orders/{order}"), json!({"status": "paid"}));
    let _ = admin.put(&path, &paid).await.expect(200);
    let _ = admin.delete(&customer).await.expect(204);
    vec![
        ("customers:register", ana.clone()),
        ("customers:edit", ana.clone()),
        ("products:create", product.clone()),
        ("products:edit", product.clone()),
        ("stock:move", product.clone()),
        ("stock:count", product),
        ("orders:place", order.clone()),
        ("orders:transition", order),
        ("customers:erase", ana),
    ]
}

/// Does everything to accounts and keys.
async fn manage_people(admin: &Client) -> Done {
    let body = json!({"email": "bia@example.com", "role": "staff"});
    let bia = admin.post("/users", &body).await.expect(201).id();
    let path = format!("/users/{bia}");
    let edit = admin.patch(&path, "*", &json!({"disabled": true})).await;
    let _ = edit.expect(200);
    let path = format!("{path}/password-reset");
    let _ = admin.post(&path, &json!(null)).await.expect(200);
    let body = json!({"name": "ERP", "scopes": ["orders:read"]});
    let key = admin.post("/api-keys", &body).await.expect(201).id();
    let _ = admin.delete(&format!("/api-keys/{key}")).await.expect(204);
    vec![
        ("users:create", bia.clone()),
        ("users:edit", bia.clone()),
        ("users:offer-reset", bia),
        ("api-keys:create", key.clone()),
        ("api-keys:remove", key),
    ]
}

#[tokio::test]
async fn every_act_of_the_shops_people_is_there_with_what_it_was_done_to() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let id = account(&admin).await;
    let mut done = run_the_shop(&admin).await;
    done.extend(manage_people(&admin).await);
    let entries = admin.walk(&format!("/audit?account_id={id}&limit=3")).await;
    let done: Vec<_> = done.iter().map(|(act, id)| (*act, &**id)).collect();
    let acts = acts(&entries);
    assert_eq!(acts[0].0, "sessions:begin");
    assert_eq!(acts[1..], done);
    for entry in &entries {
        assert_eq!(
            (&entry["role"], &entry["address"], &entry["api_key_id"]),
            (&json!("admin"), &json!("127.0.0.1"), &json!(null))
        );
    }
}

#[tokio::test]
async fn what_they_do_to_their_own_account_is_there_too() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let staff = account(&shop.staff).await;
    let change = json!({"current_password": PASSWORD, "new_password": "another battery staple"});
    let changed = shop.staff.put("/me/password", &change).await.expect(200);
    let (changed, _) = admin.with_tokens(&changed);
    let _ = changed.post("/auth/logout", &json!(null)).await.expect(204);
    let entries = admin.walk(&format!("/audit?account_id={staff}")).await;
    let acts = acts(&entries).into_iter().map(|(act, _)| act);
    let acts: Vec<_> = acts.collect();
    assert_eq!(
        acts,
        ["sessions:begin", "users:set-password", "sessions:end"]
    );
}

#[tokio::test]
async fn an_import_is_there() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let table = integration_tests::table_of_products(3);
    let import = shop.staff.request("POST", "/products/import");
    let import = import.header("content-type", "text/csv").body(table);
    let _ = Answer::to(import).await.expect(200);
    let entries = admin.walk("/audit").await;
    assert!(
        acts(&entries)
            .iter()
            .any(|(act, _)| *act == "products:import")
    );
}

#[tokio::test]
async fn what_customers_do_themselves_is_not_there_but_what_keys_do_for_them_is() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let product = shop.product("19.90", 9).await;
    let (ana, customer) = shop.customer().await;
    let id = account(&ana).await;
    let _ = ana.order(&product, 1).await.expect(201);
    let of_ana = format!("/audit?account_id={id}");
    assert!(admin.walk(&of_ana).await.is_empty());

    let body = json!({"name": "App", "scopes": ["orders:write"]});
    let made = ana.post("/api-keys", &body).await.expect(201);
    let app = ana.with_token(made.body["key"].as_str().unwrap());
    let order = app.order(&product, 1).await.expect(201);
    let entries = admin.walk(&of_ana).await;
    assert_eq!(acts(&entries), [("orders:place", &*order.id())]);
    assert_eq!(
        (
            &entries[0]["role"],
            &entries[0]["api_key_id"],
            &entries[0]["request_id"]
        ),
        (
            &json!("customer"),
            &json!(made.id()),
            &json!(order.header("x-request-id").unwrap())
        )
    );
    // From where they called is theirs, and goes with them.
    assert_eq!(entries[0]["address"], "127.0.0.1");
    let _ = ana
        .delete(&format!("/customers/{customer}"))
        .await
        .expect(204);
    let entries = admin.walk(&of_ana).await;
    assert_eq!((entries.len(), &entries[0]["address"]), (1, &json!(null)));
}

#[tokio::test]
async fn the_log_is_read_by_actor_by_thing_and_by_time() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let (first, second) = (shop.product("1.00", 1).await, shop.product("2.00", 2).await);
    let _ = admin
        .delete(&format!("/products/{first}"))
        .await
        .expect(204);
    let log = async |query: &str| admin.walk(&format!("/audit?{query}")).await;
    let of_first = log(&format!("thing_id={first}")).await;
    assert_eq!(
        acts(&of_first),
        [("products:create", &*first), ("products:edit", &first)]
    );
    assert_eq!(of_first[0]["thing"], "product");
    let staff = account(&shop.staff).await;
    let both = log(&format!("account_id={staff}&thing_id={first}")).await;
    assert_eq!(acts(&both), [("products:create", &*first)]);

    let all = log("limit=2").await;
    let ids: BTreeSet<_> = all
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), all.len());
    let at = |action: &str, thing: &str| {
        let found = all
            .iter()
            .find(|e| e["action"] == action && e["thing_id"] == thing);
        found.unwrap()["at"].as_str().unwrap().to_owned()
    };
    let (from, until) = (
        at("products:create", &first),
        at("products:create", &second),
    );
    let between = log(&format!("after={from}&before={until}")).await;
    assert_eq!(acts(&between), [("products:create", &*first)]);
    let unknown = admin.get("/audit?after=yesterday").await;
    let _ = unknown.expect_problem(400, "malformed_query");
}

#[tokio::test]
async fn what_is_refused_is_not_there_and_what_cannot_be_noted_is_not_done() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let product = shop.product("19.90", 5).await;
    let (ana, customer) = shop.customer().await;
    let before = admin.walk("/audit").await.len();
    let path = format!("/products/{product}/stock/movements");
    let too_many = json!({"delta": -6, "reason": "loss"});
    let _ = shop.staff.post(&path, &too_many).await.expect(409);
    let order = |quantity: i64| json!({"customer_id": customer, "itens": [{"product_id": product, "quantidade": quantity}]});
    let _ = shop.staff.post("/orders", &order(6)).await.expect(409);
    assert_eq!(admin.walk("/audit").await.len(), before);

    let client = shop.database.client().await;
    let broken = "alter table audit add constraint audit_never check (false) not valid";
    client.batch_execute(broken).await.unwrap();
    let moved = json!({"delta": -1, "reason": "loss"});
    let _ = shop.staff.post(&path, &moved).await.expect(500);
    let _ = shop.staff.post("/orders", &order(1)).await.expect(500);
    let edit = json!({"preco": "1.00"});
    let edited = shop
        .staff
        .patch(&format!("/products/{product}"), "*", &edit)
        .await;
    let _ = edited.expect(500);
    assert_eq!(shop.available(&product).await, 5);
    // Customers are none of it.
    let _ = ana.order(&product, 1).await.expect(201);
}

#[tokio::test]
async fn the_log_tells_of_nobody_more_than_ids() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let body = json!({"nome": "Ana Souza", "email": "ana@example.com", "password": PASSWORD});
    let ana = admin.post("/customers", &body).await.expect(201).id();
    let edit = json!({"nome": "Ana Lima", "email": "lima@example.com"});
    let edited = admin.patch(&format!("/customers/{ana}"), "*", &edit).await;
    let _ = edited.expect(200);
    let body = json!({"email": "bia@example.com", "role": "staff", "password": PASSWORD});
    let bia = admin.post("/users", &body).await.expect(201).id();
    let path = format!("/users/{bia}/password-reset");
    let offered = admin.post(&path, &json!(null)).await.expect(200);
    let body = json!({"name": "Ana's cash register", "scopes": ["orders:read"]});
    let key = admin.post("/api-keys", &body).await.expect(201);
    let client = shop.database.client().await;
    let row = client
        .query_one("select string_agg(audit::text, ' ') from audit", &[])
        .await
        .unwrap();
    let log: &str = row.get(0);
    for secret in [
        "Ana",
        "example.com",
        PASSWORD,
        offered.body["token"].as_str().unwrap(),
        key.body["key"].as_str().unwrap(),
        admin.token().unwrap(),
    ] {
        assert!(!log.contains(secret), "{secret}");
    }
}
