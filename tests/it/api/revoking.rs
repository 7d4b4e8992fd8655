//! Access tokens that stop working before they expire, at every replica.

use adapters_postgres::DatabaseSettings;
use integration_tests::{Client, PASSWORD, PrivatePostgres, Proxy, Shop, eventually};
use serde_json::json;

const OTHER: &str = "another battery staple";

/// A client with a new session of this caller's account.
async fn again(client: &Client) -> Client {
    client.log_in(&client.email().await).await.0
}

#[tokio::test]
async fn a_logout_ends_a_session_at_every_replica_and_no_other() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let replica = second.anonymous();
    let (out, refresh) = shop.anonymous().log_in(&shop.staff.email().await).await;
    let _ = out.at(&replica).get("/me").await.expect(200);
    let _ = out.post("/auth/logout", &json!(null)).await.expect(204);
    // Here at once.
    let _ = out.get("/me").await.expect_problem(401, "session_ended");
    out.at(&replica).hears_that_it_ended().await;
    for client in [&shop.anonymous(), &replica] {
        let refused = client.refresh(&refresh).await;
        let _ = refused.expect_problem(401, "refresh_token_invalid");
        let _ = shop.staff.at(client).get("/me").await.expect(200);
    }
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_session_of_the_account_and_of_no_other() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let replica = second.anonymous();
    let other = again(&shop.staff).await;
    let (ana, _) = shop.customer().await;
    let other_there = other.at(&replica);
    let out = other_there.post("/auth/logout-all", &json!(null)).await;
    let _ = out.expect(204);
    for client in [&shop.staff, &other] {
        client.hears_that_it_ended().await;
        client.at(&replica).hears_that_it_ended().await;
    }
    let _ = ana.get("/me").await.expect(200);
}

#[tokio::test]
async fn a_refresh_beside_a_logout_leaves_nothing_that_works() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let replica = second.anonymous();
    let email = shop.staff.email().await;
    for _ in 0..10 {
        let (out, token) = shop.anonymous().log_in(&email).await;
        let nothing = json!(null);
        let (logout, refreshed) =
            tokio::join!(out.post("/auth/logout", &nothing), replica.refresh(&token));
        let _ = logout.expect(204);
        if refreshed.status == 200 {
            let (client, next) = replica.with_tokens(&refreshed);
            client.hears_that_it_ended().await;
            let refused = replica.refresh(&next).await;
            let _ = refused.expect_problem(401, "refresh_token_invalid");
        } else {
            let _ = refreshed.expect_problem(401, "refresh_token_invalid");
        }
    }
}

#[tokio::test]
async fn another_password_ends_what_was_begun_with_the_old_one() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let replica = second.anonymous();
    let (ana, _) = shop.customer().await;
    let email = ana.email().await;
    let elsewhere = again(&ana).await;
    let change =
        |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let wrong = ana
        .put("/me/password", &change("not this one", OTHER))
        .await;
    let wrong = wrong.expect_problem(422, "validation_failed");
    assert_eq!(wrong.body["errors"][0]["pointer"], "/current_password");
    let short = ana.put("/me/password", &change(PASSWORD, "short")).await;
    let _ = short.expect_problem(422, "validation_failed");
    let _ = elsewhere.get("/me").await.expect(200);

    let changed = ana.put("/me/password", &change(PASSWORD, OTHER)).await;
    let (new, refresh) = ana.with_tokens(&changed.expect(200));
    for old in [&ana, &elsewhere] {
        old.hears_that_it_ended().await;
        old.at(&replica).hears_that_it_ended().await;
    }
    let _ = new.at(&replica).get("/me").await.expect(200);
    let _ = replica.refresh(&refresh).await.expect(200);
    for (password, status) in [(PASSWORD, 401), (OTHER, 200)] {
        let login = json!({"email": email, "password": password});
        let _ = replica.post("/auth/login", &login).await.expect(status);
    }
}

#[tokio::test]
async fn who_guesses_a_password_with_a_stolen_token_is_slowed_down() {
    let shop = Shop::open().await;
    let (ana, _) = shop.customer().await;
    let guess = json!({"current_password": "not this one", "new_password": OTHER});
    for _ in 0..5 {
        let _ = ana.put("/me/password", &guess).await.expect(422);
    }
    let slowed_down = ana.put("/me/password", &guess).await;
    let _ = slowed_down.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn another_role_a_disabling_and_an_erasure_end_the_sessions_of_an_account() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let replica = second.anonymous();
    let admin = shop.server.admin().await;
    let edit = async |client: &Client, body: serde_json::Value| {
        let me = client.get("/me").await.expect(200);
        let path = format!("/users/{}", me.id());
        let _ = admin.patch(&path, "*", &body).await.expect(200);
        client.hears_that_it_ended().await;
        client.at(&replica).hears_that_it_ended().await;
        path
    };
    let other = again(&shop.staff).await;
    let path = edit(&other, json!({"role": "admin"})).await;
    // The role of the next session is the new one.
    let email = admin.get(&path).await.expect(200).body["email"].take();
    let promoted = replica.logged_in(email.as_str().unwrap()).await;
    let _ = promoted.get("/users").await.expect(200);
    let path = edit(&promoted, json!({"disabled": true})).await;
    let login = json!({"email": email, "password": PASSWORD});
    let refused = replica.post("/auth/login", &login).await;
    let _ = refused.expect_problem(403, "account_disabled");
    let wrong = json!({"email": email, "password": "not this one"});
    let refused = replica.post("/auth/login", &wrong).await;
    let _ = refused.expect_problem(401, "wrong_credentials");
    let enabled = admin.patch(&path, "*", &json!({"disabled": false})).await;
    let _ = enabled.expect(200);
    let _ = replica.post("/auth/login", &login).await.expect(200);

    let (ana, id) = shop.customer().await;
    let _ = ana.at(&replica).get("/me").await.expect(200);
    let _ = admin.delete(&format!("/customers/{id}")).await.expect(204);
    ana.hears_that_it_ended().await;
    ana.at(&replica).hears_that_it_ended().await;
}

#[tokio::test]
async fn a_logout_outlives_a_crash_of_postgresql() {
    let postgres = PrivatePostgres::start().await;
    let shop = Shop::on(&postgres).await;
    let second = shop.replica();
    let replica = second.anonymous();
    let out = again(&shop.staff).await;
    let _ = out.at(&replica).get("/me").await.expect(200);
    let _ = out.post("/auth/logout", &json!(null)).await.expect(204);
    postgres.restart().await;
    for client in [&out, &out.at(&replica)] {
        client.hears_that_it_ended().await;
    }
    // Whoever did not log out is still logged in, and a replica hears again.
    for client in [&shop.staff, &shop.staff.at(&replica)] {
        eventually("the session goes on", || async {
            client.get("/me").await.status == 200
        })
        .await;
    }
    let out = again(&shop.staff).await;
    let _ = out.at(&replica).get("/me").await.expect(200);
    let _ = out.post("/auth/logout", &json!(null)).await.expect(204);
    out.at(&replica).hears_that_it_ended().await;
}

#[tokio::test]
async fn a_replica_that_hears_nothing_takes_nothing_on_faith() {
    let shop = Shop::open().await;
    let product = shop.product("19.90", 9).await;
    let (ana, _) = shop.customer().await;
    let order = ana.order(&product, 1).await.expect(201);
    let order = format!("/orders/{}", order.id());
    let proxy = Proxy::to_database(&shop.database).await;
    let replica = shop.replica_with(|settings| {
        let url = proxy.database_url(&shop.database);
        settings.database = DatabaseSettings::parse(&url, 8).unwrap();
    });
    let there = ana.at(&replica.anonymous());
    let _ = there.get(&order).await.expect(200);
    proxy.cut();
    // What is in its cache is told for some seconds, if it has heard anything yet, and then to nobody.
    let _ = ana.post("/auth/logout", &json!(null)).await.expect(204);
    eventually("nothing is taken on faith", || async {
        let answer = there.get(&order).await;
        assert!(matches!(answer.status, 200 | 503), "{}", answer.body);
        answer.status == 503
    })
    .await;
    proxy.mend();
    eventually("the session has ended", || async {
        let answer = there.get(&order).await;
        assert!(matches!(answer.status, 401 | 503), "{}", answer.body);
        answer.status == 401
    })
    .await;
    let staff = shop.staff.at(&replica.anonymous());
    let _ = staff.get(&order).await.expect(200);
}

#[tokio::test]
async fn an_account_that_was_disabled_a_moment_ago_gets_no_new_session() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let replica = second.anonymous();
    let admin = shop.server.admin().await;
    for _ in 0..10 {
        let staff = shop.server.staff().await;
        let path = format!("/users/{}", staff.get("/me").await.expect(200).id());
        let disabled = admin.patch(&path, "*", &json!({"disabled": true})).await;
        let _ = disabled.expect(200);
        // Not every replica has heard of it.
        let change = json!({"current_password": PASSWORD, "new_password": OTHER});
        let changed = staff.at(&replica).put("/me/password", &change).await;
        assert!(matches!(changed.status, 401 | 403), "{}", changed.body);
        let key = json!({"name": "ERP", "scopes": ["orders:read"]});
        let made = staff.at(&replica).post("/api-keys", &key).await;
        let _ = made.expect_problem(401, "session_ended");
    }
    let client = shop.database.client().await;
    let left = "
        select count(*)
        from users
        left join sessions on sessions.account_id = users.id
        left join api_keys on api_keys.account_id = users.id
        where disabled_at is not null
          and (sessions.id is not null or api_keys.id is not null)";
    let left = client.query_one(left, &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn what_is_done_to_an_account_by_hand_ends_its_sessions_too() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let (staff, refresh) = shop.anonymous().log_in(&shop.staff.email().await).await;
    let client = shop.database.client().await;
    let by_hand = "update users set disabled_at = now() where role = 'staff'";
    client.batch_execute(by_hand).await.unwrap();
    for client in [&staff, &staff.at(&second.anonymous())] {
        client.hears_that_it_ended().await;
    }
    let refused = second.anonymous().refresh(&refresh).await;
    let _ = refused.expect_problem(401, "refresh_token_invalid");
}
