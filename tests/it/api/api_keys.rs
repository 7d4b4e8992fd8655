//! API keys: what machines show in place of a session.

use integration_tests::{Answer, Client, Shop, eventually};
use serde_json::{Value, json};

/// A client with a new key of this caller, and the key's path.
async fn key(owner: &Client, scopes: &[&str]) -> (Client, String) {
    let body = json!({"name": "ERP", "scopes": scopes});
    let made = owner.post("/api-keys", &body).await.expect(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let path = format!("/api-keys/{}", made.id());
    assert_eq!(made.header("location"), Some(path.as_str()));
    let secret = made.body["key"].as_str().unwrap();
    assert!(secret.starts_with("blc_"));
    (owner.with_token(secret), path)
}

/// Fails when a key is good here for longer than two seconds.
async fn is_refused_soon(client: &Client) {
    let is_refused = || async {
        let answer = client.get("/me").await;
        assert!(matches!(answer.status, 200 | 401), "{}", answer.body);
        answer.status == 401
    };
    let refused = eventually("the key is refused", is_refused);
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(2), refused).await;
    assert!(in_time.is_ok(), "the key is still good");
}

fn permissions(me: &Answer) -> &Value {
    &me.body["permissions"]
}

#[tokio::test]
async fn a_key_may_do_what_is_in_its_scopes_and_in_its_owners_role() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 9).await;
    let scopes = ["stock:write", "orders:write", "customers:erase"];
    let (erp, _) = key(&shop.staff, &scopes).await;
    let stock = format!("/products/{product}/stock");
    let movement = json!({"delta": 3, "reason": "receipt"});
    let moved = erp.post(&format!("{stock}/movements"), &movement).await;
    let _ = moved.expect(201);
    // What everybody may see, it may see.
    for path in ["/products", &format!("/products/{product}")] {
        let _ = erp.get(path).await.expect(200);
    }
    let unread = erp.get(&stock).await.expect_problem(403, "forbidden");
    assert!(
        unread.body["detail"]
            .as_str()
            .unwrap()
            .contains("stock:read")
    );
    let me = erp.get("/me").await.expect(200);
    // Nobody of the staff may erase customers.
    assert_eq!(permissions(&me), &json!(["stock:write", "orders:write"]));

    // A customer's key acts for that customer alone.
    let (ana, id) = shop.customer().await;
    let (app, _) = key(&ana, &["orders:write", "orders:read", "products:write"]).await;
    let order = app.order(&product, 1).await.expect(201);
    assert_eq!(order.body["customer_id"], id);
    let listed = app.walk("/orders").await;
    assert_eq!(listed.len(), 1);
    let product = json!({"nome": "Chá", "preco": "1.00"});
    let _ = app
        .post("/products", &product)
        .await
        .expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_key_makes_no_keys_and_changes_no_password() {
    let shop = Shop::open().await;
    let (erp, path) = key(&shop.staff, &["orders:read"]).await;
    let body = json!({"name": "another", "scopes": ["orders:read"]});
    for refused in [
        erp.post("/api-keys", &body).await,
        erp.get("/api-keys").await,
        erp.get(&path).await,
        erp.delete(&path).await,
        erp.get("/me/sessions").await,
        erp.put("/me/password", &json!({})).await,
        erp.post("/auth/logout-all", &json!(null)).await,
    ] {
        let _ = refused.expect_problem(403, "login_needed");
    }
    let _ = erp.get("/me").await.expect(200);
}

#[tokio::test]
async fn keys_are_listed_without_their_secrets_and_belong_to_their_owner() {
    let shop = Shop::open().await;
    let (_, path) = key(&shop.staff, &["stock:read", "orders:read", "orders:read"]).await;
    let (erp, _) = key(&shop.staff, &["orders:read"]).await;
    let listed = shop.staff.walk("/api-keys?limit=1").await;
    assert_eq!(listed.len(), 2);
    let secret = erp.token().unwrap();
    assert!(!json!(listed).to_string().contains(secret));
    let seen = shop.staff.get(&path).await.expect(200);
    assert_eq!(seen.body["scopes"], json!(["stock:read", "orders:read"]));
    assert_eq!(seen.body["used_at"], json!(null));
    let admin = shop.server.admin().await;
    assert!(admin.walk("/api-keys").await.is_empty());
    let _ = admin.get(&path).await.expect_problem(404, "not_found");
    let _ = admin.delete(&path).await.expect_problem(404, "not_found");
    // Nor is a secret kept.
    let client = shop.database.client().await;
    let row = client
        .query_one("select string_agg(api_keys::text, ' ') from api_keys", &[])
        .await
        .unwrap();
    assert!(!row.get::<_, &str>(0).contains(&secret[4..]));
}

#[tokio::test]
async fn a_key_that_is_removed_is_refused_at_every_replica() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let (erp, path) = key(&shop.staff, &["orders:read"]).await;
    let there = erp.at(&second.anonymous());
    for client in [&erp, &there] {
        let _ = client.get("/orders").await.expect(200);
    }
    let _ = shop.staff.delete(&path).await.expect(204);
    let _ = erp.get("/me").await.expect_problem(401, "token_invalid");
    is_refused_soon(&there).await;
    let _ = shop.staff.get("/me").await.expect(200);
}

#[tokio::test]
async fn what_becomes_of_its_owner_becomes_of_a_key_at_every_replica() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let admin = shop.server.admin().await;
    let (erp, _) = key(&shop.staff, &["users:read", "orders:read"]).await;
    let there = erp.at(&second.anonymous());
    let _ = there.get("/users").await.expect_problem(403, "forbidden");
    let user = format!("/users/{}", erp.get("/me").await.expect(200).id());
    let edit = async |body: Value| {
        let _ = admin.patch(&user, "*", &body).await.expect(200);
    };
    edit(json!({"role": "admin"})).await;
    eventually("the key may do more", || async {
        there.get("/users").await.status == 200
    })
    .await;
    edit(json!({"role": "staff"})).await;
    eventually("the key may do less", || async {
        there.get("/users").await.status == 403
    })
    .await;
    edit(json!({"disabled": true})).await;
    is_refused_soon(&erp).await;
    is_refused_soon(&there).await;
    edit(json!({"disabled": false})).await;
    let _ = erp.get("/me").await.expect(200);

    // A customer's key goes with the customer.
    let (ana, id) = shop.customer().await;
    let (app, _) = key(&ana, &["orders:read"]).await;
    let there = app.at(&second.anonymous());
    let _ = there.get("/orders").await.expect(200);
    let _ = admin.delete(&format!("/customers/{id}")).await.expect(204);
    is_refused_soon(&there).await;
}

#[tokio::test]
async fn a_key_expires() {
    let shop = Shop::open().await;
    let (erp, path) = key(&shop.staff, &["orders:read"]).await;
    let seen = shop.staff.get(&path).await.expect(200);
    assert!(seen.body["expires_at"].as_str() > seen.body["created_at"].as_str());
    let past = "update api_keys set expires_at = now() - interval '1 second'";
    let client = shop.database.client().await;
    client.batch_execute(past).await.unwrap();
    let _ = erp
        .get("/orders")
        .await
        .expect_problem(401, "token_expired");
}

#[tokio::test]
async fn the_hour_of_the_last_use_is_shown() {
    let shop = Shop::open().await;
    let (erp, path) = key(&shop.staff, &["orders:read"]).await;
    let _ = erp.get("/orders").await.expect(200);
    eventually("the use is noted", || async {
        let seen = shop.staff.get(&path).await.expect(200);
        let used_at = seen.body["used_at"].as_str().unwrap_or_default().to_owned();
        used_at.ends_with(":00:00Z")
    })
    .await;
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let shop = Shop::open().await;
    for wrong in ["blc_", "blc_x", &format!("blc_{}", "A".repeat(43))] {
        let client = shop.anonymous().with_token(wrong);
        let _ = client
            .get("/orders")
            .await
            .expect_problem(401, "token_invalid");
    }
    for (body, pointer) in [
        (json!({"name": "ERP", "scopes": []}), "/scopes"),
        (json!({"name": "ERP", "scopes": "orders:read"}), "/scopes"),
        (
            json!({"name": "ERP", "scopes": ["orders:read", "all"]}),
            "/scopes/1",
        ),
        (json!({"name": "ERP", "scopes": [7]}), "/scopes/0"),
        (
            json!({"name": "ERP", "scopes": ["users:write"]}),
            "/scopes/0",
        ),
        (json!({"name": " ", "scopes": ["orders:read"]}), "/name"),
        (
            json!({"name": "ERP", "scopes": ["orders:read"], "expires_in_days": 367}),
            "/expires_in_days",
        ),
    ] {
        let refused = shop.staff.post("/api-keys", &body).await;
        let refused = refused.expect_problem(422, "validation_failed");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer);
    }
}
