//! Sessions: begun by a login, continued by refresh tokens, listed, and ended.

use futures_util::future::join_all;
use integration_tests::{Answer, PASSWORD, Shop};
use serde_json::json;

#[tokio::test]
async fn a_refresh_token_gets_the_next_tokens_of_the_same_session() {
    let shop = Shop::open().await;
    let anonymous = shop.anonymous();
    let (staff, mut refresh) = anonymous.log_in(&shop.staff.email().await).await;
    for _ in 0..3 {
        let answer = anonymous.refresh(&refresh).await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.body["token_type"], "Bearer");
        let (next, token) = anonymous.with_tokens(&answer);
        assert_ne!(token, refresh);
        assert_ne!(next.token(), staff.token());
        let _ = next.get("/me").await.expect(200);
        refresh = token;
    }
    // The access token of before is good until it expires: it is the same session.
    let sessions = staff.get("/me/sessions").await.expect(200);
    let current: Vec<_> = sessions
        .items()
        .iter()
        .map(|session| session["is_current"].as_bool().unwrap())
        .collect();
    assert_eq!(current, [true, false]);
}

#[tokio::test]
async fn a_refresh_token_that_is_used_again_ends_the_session_for_whoever_has_it() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let replica = second.anonymous();
    let anonymous = shop.anonymous();
    let (_, first) = anonymous.log_in(&shop.staff.email().await).await;
    let (_, second) = anonymous.with_tokens(&anonymous.refresh(&first).await.expect(200));
    let (thief, third) = replica.with_tokens(&replica.refresh(&second).await.expect(200));
    let _ = anonymous
        .refresh(&first)
        .await
        .expect_problem(401, "refresh_token_invalid");
    for client in [&anonymous, &replica] {
        let refused = client.refresh(&third).await;
        let _ = refused.expect_problem(401, "refresh_token_invalid");
        let thief = thief.at(client);
        thief.hears_that_it_ended().await;
    }
    // Other sessions of the account go on.
    let _ = shop.staff.get("/me").await.expect(200);
}

#[tokio::test]
async fn two_who_use_one_token_at_once_get_the_same_next_one_and_so_does_whoever_lost_the_answer() {
    let shop = Shop::open().await;
    let second = shop.replica();
    let replica = second.anonymous();
    let here = shop.anonymous();
    let (_, mut token) = here.log_in(&shop.staff.email().await).await;
    for _ in 0..5 {
        let at_once = (0..8).map(|n| if n % 2 == 0 { &here } else { &replica });
        let answers = join_all(at_once.map(|client| client.refresh(&token))).await;
        let next: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.expect(200).body["refresh_token"].take())
            .collect();
        assert!(next.iter().all(|other| *other == next[0]));
        let again = replica.refresh(&token).await.expect(200);
        assert_eq!(again.body["refresh_token"], next[0]);
        token = next[0].as_str().unwrap().to_owned();
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_and_ends_nothing() {
    let shop = Shop::open().await;
    let (staff, token) = shop.anonymous().log_in(&shop.staff.email().await).await;
    // Of the right session, as everybody knows it who sees an access token.
    let forged = format!("{}{}", &token[..30], "A".repeat(token.len() - 30));
    for wrong in ["", "blr_", "x", staff.token().unwrap(), &forged] {
        let refused = shop.anonymous().refresh(wrong).await;
        let _ = refused.expect_problem(401, "refresh_token_invalid");
    }
    let _ = shop.anonymous().refresh(&token).await.expect(200);
}

#[tokio::test]
async fn each_kind_of_token_is_good_for_its_own_purpose_alone() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    let anonymous = shop.anonymous();
    let (staff, refresh) = anonymous.log_in(&shop.staff.email().await).await;
    let access = staff.token().unwrap();
    let key = json!({"name": "ERP", "scopes": ["orders:read"]});
    let key = staff.post("/api-keys", &key).await.expect(201);
    let key = key.body["key"].as_str().unwrap();
    let account = json!({"email": "bia@example.com", "role": "staff"});
    let account = admin.post("/users", &account).await.expect(201).id();
    let offer = format!("/users/{account}/password-reset");
    let offer = admin.post(&offer, &json!(null)).await.expect(200);
    let reset = offer.body["token"].as_str().unwrap();
    let (of_refresh, of_reset) = (&refresh[4..], &reset[4..]);
    for wrong in [
        refresh.clone(),
        reset.to_owned(),
        // What is secret in them, under the name of a key.
        format!("blc_{of_refresh}"),
        format!("blc_{of_reset}"),
    ] {
        let refused = anonymous.with_token(&wrong).get("/me").await;
        let _ = refused.expect_problem(401, "token_invalid");
    }
    for wrong in [access, key, reset, &format!("blr_{of_reset}")] {
        let refused = anonymous.refresh(wrong).await;
        let _ = refused.expect_problem(401, "refresh_token_invalid");
    }
    for wrong in [access, key, &refresh, &format!("blp_{of_refresh}")] {
        let body = json!({"token": wrong, "new_password": PASSWORD});
        let refused = anonymous.post("/auth/password-reset", &body).await;
        let _ = refused.expect_problem(401, "reset_token_invalid");
    }
    // None of them was used up by that.
    let _ = anonymous.with_token(key).get("/me").await.expect(200);
    let _ = anonymous.refresh(&refresh).await.expect(200);
    let body = json!({"token": reset, "new_password": PASSWORD});
    let set = anonymous.post("/auth/password-reset", &body).await;
    let _ = set.expect(204);
}

#[tokio::test]
async fn no_token_is_kept_in_clear() {
    let shop = Shop::open().await;
    let (_, token) = shop.anonymous().log_in(&shop.staff.email().await).await;
    let _ = shop.anonymous().refresh(&token).await.expect(200);
    let client = shop.database.client().await;
    let kept = "
        select count(*)
        from sessions
        where position(decode(translate($1, '-_', '+/'), 'base64') in sessions::text::bytea) > 0
           or token = decode(translate($1, '-_', '+/'), 'base64')";
    let secret = token.trim_start_matches("blr_");
    let row = client.query_one(kept, &[&secret]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
    let hashes = "select count(*) from sessions where octet_length(token) = 32";
    let row = client.query_one(hashes, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 2);
}

#[tokio::test]
async fn sessions_are_listed_with_where_they_began_and_one_can_be_ended_from_another() {
    let shop = Shop::open().await;
    let (ana, _) = shop.customer().await;
    let email = ana.email().await;
    let login = json!({"email": email, "password": PASSWORD});
    let phone = shop.anonymous().request("POST", "/auth/login");
    let phone = phone.header("user-agent", "Balcao on a phone").json(&login);
    let (phone, _) = shop
        .anonymous()
        .with_tokens(&Answer::to(phone).await.expect(200));
    let listed = ana.walk("/me/sessions?limit=1").await;
    assert_eq!(listed.len(), 2);
    let (there, here) = (&listed[0], &listed[1]);
    assert_eq!(there["user_agent"], "Balcao on a phone");
    assert_eq!(there["address"], "127.0.0.1");
    assert_eq!(
        (&there["is_current"], &here["is_current"]),
        (&json!(false), &json!(true))
    );
    let path = format!("/me/sessions/{}", there["id"].as_str().unwrap());
    // It is nobody else's to end.
    let (bia, _) = shop.customer().await;
    let _ = bia.delete(&path).await.expect_problem(404, "not_found");
    let _ = phone.get("/me").await.expect(200);
    let _ = ana.delete(&path).await.expect(204);
    let _ = phone.get("/me").await.expect_problem(401, "session_ended");
    let _ = ana.delete(&path).await.expect_problem(404, "not_found");
    let _ = ana.get("/me").await.expect(200);
}

#[tokio::test]
async fn who_one_is_and_what_one_may_do() {
    let shop = Shop::open().await;
    let (ana, id) = shop.customer().await;
    let me = ana.get("/me").await.expect(200).body;
    assert_eq!(
        (&me["role"], &me["customer_id"]),
        (&json!("customer"), &json!(id))
    );
    let may = |permission: &str| {
        me["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!(permission))
    };
    assert!(may("orders:write") && !may("orders:fulfil"));
    let me = shop.staff.get("/me").await.expect(200).body;
    assert_eq!(
        (&me["role"], &me["customer_id"]),
        (&json!("staff"), &json!(null))
    );
}

#[tokio::test]
async fn what_is_kept_of_a_persons_sessions_is_told_to_them() {
    let shop = Shop::open().await;
    let (ana, id) = shop.customer().await;
    let told = ana
        .get(&format!("/customers/{id}/export"))
        .await
        .expect(200);
    let sessions = told.body["account"]["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["is_current"], true);
}
