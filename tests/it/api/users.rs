//! Accounts: listed, created, changed, and their passwords reset, by administrators.

use futures_util::future::join_all;
use integration_tests::{Client, PASSWORD, Shop};
use serde_json::{Value, json};

async fn create(admin: &Client, body: &Value) -> String {
    let made = admin.post("/users", body).await.expect(201);
    let path = format!("/users/{}", made.id());
    assert_eq!(made.header("location"), Some(path.as_str()));
    path
}

async fn status_of_login(client: &Client, email: &str, password: &str) -> u16 {
    let login = json!({"email": email, "password": password});
    client.post("/auth/login", &login).await.status
}

#[tokio::test]
async fn an_administrator_creates_accounts_for_the_shops_people() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let body = json!({"email": "Bia@example.com", "role": "staff", "password": PASSWORD});
    let path = create(&admin, &body).await;
    let seen = admin.get(&path).await.expect(200);
    assert_eq!(
        (
            &seen.body["email"],
            &seen.body["role"],
            &seen.body["disabled"]
        ),
        (&json!("Bia@example.com"), &json!("staff"), &json!(false))
    );
    assert_eq!(
        status_of_login(&admin, "bia@example.com", PASSWORD).await,
        200
    );
    let again = json!({"email": "bia@EXAMPLE.com", "role": "admin"});
    let taken = admin.post("/users", &again).await;
    let _ = taken.expect_problem(409, "email_taken");
    let customer = json!({"email": "ana@example.com", "role": "customer"});
    let refused = admin.post("/users", &customer).await;
    let refused = refused.expect_problem(422, "validation_failed");
    assert_eq!(refused.body["errors"][0]["pointer"], "/role");
}

#[tokio::test]
async fn accounts_are_listed_by_role_and_by_address() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let (ana, _) = shop.customer().await;
    let all = admin.walk("/users?limit=1").await;
    let roles: Vec<_> = all
        .iter()
        .map(|user| user["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["customer", "admin", "staff"]);
    for role in roles {
        let listed = admin.walk(&format!("/users?role={role}")).await;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["role"], role);
    }
    let email = ana.email().await.to_uppercase();
    let listed = admin.walk(&format!("/users?email={email}")).await;
    assert_eq!(listed[0]["id"], ana.get("/me").await.body["id"]);
    let unknown = admin.get("/users?role=root").await;
    let _ = unknown.expect_problem(400, "malformed_query");
}

#[tokio::test]
async fn a_change_is_made_to_what_was_seen_and_a_customer_stays_one() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let path = create(
        &admin,
        &json!({"email": "bia@example.com", "role": "staff"}),
    )
    .await;
    let tag = admin.get(&path).await.expect(200).tag();
    let promoted = admin.patch(&path, &tag, &json!({"role": "admin"})).await;
    let promoted = promoted.expect(200);
    assert_ne!(promoted.tag(), tag);
    let stale = admin.patch(&path, &tag, &json!({"disabled": true})).await;
    let _ = stale.expect_problem(412, "stale");
    let tag = promoted.tag();
    let same = admin.patch(&path, &tag, &json!({"role": "admin"})).await;
    assert_eq!(same.expect(200).tag(), promoted.tag());

    let (ana, _) = shop.customer().await;
    let path = format!("/users/{}", ana.get("/me").await.expect(200).id());
    let promoted = admin.patch(&path, "*", &json!({"role": "admin"})).await;
    let _ = promoted.expect_problem(409, "role_of_customer");
    let disabled = admin.patch(&path, "*", &json!({"disabled": true})).await;
    assert_eq!(disabled.expect(200).body["disabled"], true);
}

#[tokio::test]
async fn the_last_administrator_stays_whatever_is_asked_at_once() {
    let shop = Shop::open().await;
    let admins = [
        shop.server.admin().await,
        shop.server.admin().await,
        shop.server.admin().await,
    ];
    let mut paths = Vec::new();
    for admin in &admins {
        paths.push(format!(
            "/users/{}",
            admin.get("/me").await.expect(200).id()
        ));
    }
    // Everybody demotes or disables everybody.
    let asked = admins.iter().flat_map(|admin| {
        paths.iter().enumerate().map(move |(n, path)| async move {
            let edit = if n % 2 == 0 {
                json!({"role": "staff"})
            } else {
                json!({"disabled": true})
            };
            admin.patch(path, "*", &edit).await
        })
    });
    for answer in join_all(asked).await {
        let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
        assert!(
            answer.status == 200 || ["last_admin", "session_ended"].contains(&code.as_str()),
            "{}",
            answer.body
        );
    }
    let client = shop.database.client().await;
    let left = "select count(*) from users where role = 'admin' and disabled_at is null";
    let left: i64 = client.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 1);
}

#[tokio::test]
async fn whoever_has_the_token_that_an_administrator_made_sets_the_password_once() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let body = json!({"email": "bia@example.com", "role": "staff"});
    let path = format!("{}/password-reset", create(&admin, &body).await);
    let offer = async || {
        let offered = admin.post(&path, &json!(null)).await.expect(200);
        assert_eq!(offered.header("cache-control"), Some("no-store"));
        offered.body["token"].as_str().unwrap().to_owned()
    };
    let anonymous = shop.anonymous();
    let set = async |token: &str, password: &str| {
        let body = json!({"token": token, "new_password": password});
        anonymous.post("/auth/password-reset", &body).await
    };
    let (old, token) = (offer().await, offer().await);
    for wrong in [&old, "", "blp_", "x"] {
        let refused = set(wrong, PASSWORD).await;
        let _ = refused.expect_problem(401, "reset_token_invalid");
    }
    let _ = set(&token, "short").await.expect(422);
    // Of many at once, one sets it.
    let passwords: Vec<_> = (0..8).map(|n| format!("password number {n}")).collect();
    let answers = join_all(passwords.iter().map(|password| set(&token, password))).await;
    let mut good = Vec::new();
    for (answer, password) in answers.into_iter().zip(&passwords) {
        if answer.status == 204 {
            good.push(password);
        } else {
            let _ = answer.expect_problem(401, "reset_token_invalid");
        }
    }
    assert_eq!(good.len(), 1);
    let login = status_of_login(&anonymous, "bia@example.com", good[0]);
    assert_eq!(login.await, 200);
    let _ = set(&token, PASSWORD)
        .await
        .expect_problem(401, "reset_token_invalid");
}

#[tokio::test]
async fn a_password_that_is_reset_ends_the_sessions_of_its_account() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let (ana, _) = shop.customer().await;
    let id = ana.get("/me").await.expect(200).id();
    let path = format!("/users/{id}/password-reset");
    let offered = admin.post(&path, &json!(null)).await;
    let token = offered.expect(200).body["token"].take();
    let _ = ana.get("/me").await.expect(200);
    let body = json!({"token": token, "new_password": "another battery staple"});
    let set = shop.anonymous().post("/auth/password-reset", &body).await;
    let _ = set.expect(204);
    ana.hears_that_it_ended().await;
}

#[tokio::test]
async fn a_token_to_reset_a_password_expires() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let path = create(
        &admin,
        &json!({"email": "bia@example.com", "role": "staff"}),
    )
    .await;
    let path = format!("{path}/password-reset");
    let offered = admin.post(&path, &json!(null)).await;
    let token = offered.expect(200).body["token"].take();
    let past = "update password_resets set expires_at = now() - interval '1 second'";
    shop.database
        .client()
        .await
        .batch_execute(past)
        .await
        .unwrap();
    let body = json!({"token": token, "new_password": PASSWORD});
    let refused = admin.post("/auth/password-reset", &body).await;
    let _ = refused.expect_problem(401, "reset_token_invalid");
}
