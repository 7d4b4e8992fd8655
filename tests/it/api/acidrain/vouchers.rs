//! The paper's voucher invariant: what is good once is good once, however many use it at once. Here
//! that is a key of a request, a token, and a password that is to be replaced.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use integration_tests::{Answer, Client, PASSWORD};
use serde_json::{Value, json};

use super::{Race, count, import, order_of};

async fn under(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let request = client.request("POST", path).header("idempotency-key", key);
    Answer::to(request.json(body)).await
}

/// How many different bodies there are; and all but one of the answers are repeats.
fn bodies(answers: Vec<Answer>, status: u16) -> usize {
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.expect(status))
        .collect();
    let is_first = |answer: &&Answer| answer.header("idempotency-replayed").is_none();
    assert_eq!(answers.iter().filter(is_first).count(), 1);
    let bodies: BTreeSet<_> = answers
        .iter()
        .map(|answer| answer.body.to_string())
        .collect();
    bodies.len()
}

#[tokio::test]
async fn a_key_that_many_use_at_once_for_the_last_units_is_one_order() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    for round in 0..6 {
        let product = race.shop.product("1.00", 3).await;
        let (key, body) = (format!("key-{round}"), order_of(&[(&product, 3)]));
        let buyers = race.each(&ana, 12);
        let placed = join_all(
            buyers
                .iter()
                .map(|buyer| under(buyer, "/orders", &key, &body)),
        )
        .await;
        assert_eq!(bodies(placed, 201), 1);
        assert_eq!(race.shop.available(&product).await, 0);
    }
    assert_eq!(race.number("select count(*) from orders").await, 6);
    race.everything_holds().await;
}

#[tokio::test]
async fn a_key_that_is_used_for_different_orders_at_once_is_one_of_them() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    for round in 0..5 {
        let products = [
            race.shop.product("1.00", 9).await,
            race.shop.product("1.00", 9).await,
            race.shop.product("1.00", 9).await,
        ];
        let buyers = race.each(&ana, 9);
        let placed = buyers.iter().enumerate().map(|(n, buyer)| {
            let (key, body) = (format!("key-{round}"), order_of(&[(&products[n % 3], 1)]));
            async move { under(buyer, "/orders", &key, &body).await }
        });
        let reused = (422, "idempotency_key_reused");
        assert_eq!(count(join_all(placed).await, 201, &[reused]), 3);
    }
    assert_eq!(race.number("select count(*) from orders").await, 5);
    race.everything_holds().await;
}

#[tokio::test]
async fn a_key_that_many_use_at_once_makes_one_customer_one_product_and_one_movement() {
    let race = Race::begin().await;
    let stocked = race.shop.product("1.00", 0).await;
    let movements = format!("/products/{stocked}/stock/movements");
    for round in 0..4 {
        let key = format!("key-{round}");
        let email = format!("ana-{round}@example.com");
        let signs_up = json!({"nome": "Ana", "email": email, "password": PASSWORD});
        let product = json!({"nome": "Café", "preco": "1.00", "sku": format!("CAFE-{round}")});
        let receipt = json!({"delta": 3, "reason": "receipt"});
        for (path, caller, body) in [
            ("/customers", &race.shop.anonymous(), &signs_up),
            ("/products", &race.shop.staff, &product),
            (movements.as_str(), &race.shop.staff, &receipt),
        ] {
            let callers = race.each(caller, 8);
            let made = join_all(callers.iter().map(|caller| under(caller, path, &key, body))).await;
            assert_eq!(bodies(made, 201), 1);
        }
    }
    assert_eq!(race.number("select count(*) from customers").await, 4);
    assert_eq!(race.number("select count(*) from products").await, 1 + 4);
    assert_eq!(race.shop.available(&stocked).await, 4 * 3);
    race.everything_holds().await;
}

#[tokio::test]
async fn a_key_that_many_use_at_once_takes_the_last_units_away_once_and_tells_everybody_so() {
    let race = Race::begin().await;
    for round in 0..6 {
        let product = race.shop.product("1.00", 3).await;
        let (key, path) = (
            format!("key-{round}"),
            format!("/products/{product}/stock/movements"),
        );
        let loss = json!({"delta": -3, "reason": "loss"});
        let staff = race.each(&race.shop.staff, 8);
        let made = join_all(staff.iter().map(|staff| under(staff, &path, &key, &loss))).await;
        assert_eq!(race.shop.available(&product).await, 0);
        assert_eq!(bodies(made, 201), 1);
    }
    race.everything_holds().await;
}

#[tokio::test]
async fn a_key_that_two_imports_use_at_once_is_one_import() {
    let race = Race::begin().await;
    for round in 0..6 {
        let key = format!("key-{round}");
        let rows = format!("sku,nome,preco,quantidade_disponivel\n,New in {round},1.00,5\n");
        let path = ["/products/import", "/products/import?atomic=true"][round % 2];
        let importers = race.each(&race.shop.staff, 4);
        let told = importers
            .iter()
            .map(|staff| import(staff, path, Some(&key), &rows));
        for answer in join_all(told).await {
            // Who comes while another is at it is told so, before the answer begins or at its end.
            let code = answer.body["code"]
                .as_str()
                .or(answer.body["problem"]["code"].as_str());
            let is_done = answer.body["type"] == "done" && answer.body["created"] == 1;
            assert!(
                is_done || code == Some("idempotency_key_in_use"),
                "{}",
                answer.body
            );
        }
    }
    assert_eq!(race.number("select count(*) from products").await, 6);
    race.everything_holds().await;
}

#[tokio::test]
async fn a_refresh_token_that_many_use_at_once_has_one_successor_and_none_beside_a_logout() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let email = ana.email().await;
    let anonymous = race.each(&race.shop.anonymous(), 8);
    for round in 0..6 {
        let (session, token) = anonymous[0].log_in(&email).await;
        let refreshed = join_all(anonymous.iter().map(|client| client.refresh(&token)));
        let ends = round % 2 == 1;
        let logout = async {
            if ends {
                let _ = session.post("/auth/logout", &json!(null)).await.expect(204);
            }
        };
        let (refreshed, ()) = join(refreshed, logout).await;
        let next = refreshed.iter().filter(|answer| answer.status == 200);
        let next: BTreeSet<_> = next
            .map(|answer| answer.body["refresh_token"].to_string())
            .collect();
        let ended: &[_] = if ends {
            &[(401, "refresh_token_invalid")]
        } else {
            &[]
        };
        count(refreshed, 200, ended);
        assert!(next.len() <= 1 && (ends || next.len() == 1), "{next:?}");
        for token in &next {
            let expected = if ends { 401 } else { 200 };
            let _ = anonymous[1]
                .refresh(token.trim_matches('"'))
                .await
                .expect(expected);
        }
    }
    // One of Ana when she signed up, and three that have not ended.
    let sessions = "
        select count(*)
        from sessions
        join users on users.id = account_id
        where role = 'customer'";
    assert_eq!(race.number(sessions).await, 4);
}

/// Which of many passwords is good, after each was set at once.
async fn good_ones(race: &Race, email: &str, passwords: &[String]) -> Vec<String> {
    let mut good = Vec::new();
    for password in passwords {
        // From another address each, where nobody has guessed before.
        let n = u8::try_from(good.len() + passwords.len()).unwrap();
        let client = race.at(&race.shop.anonymous().coming_from([127, 0, 1, n]), 0);
        let body = json!({"email": email, "password": password});
        if client.post("/auth/login", &body).await.status == 200 {
            good.push(password.clone());
        }
    }
    good
}

#[tokio::test]
async fn a_token_to_reset_a_password_that_many_use_at_once_sets_one_password() {
    let race = Race::begin().await;
    let admin = race.shop.server.admin().await;
    let passwords: Vec<_> = (0..4).map(|n| format!("password number {n}")).collect();
    for _ in 0..4 {
        let (ana, _) = race.shop.customer().await;
        let (email, id) = (ana.email().await, ana.get("/me").await.id());
        let offered = admin
            .post(&format!("/users/{id}/password-reset"), &json!(null))
            .await;
        let token = offered.expect(200).body["token"].take();
        let anonymous = race.each(&race.shop.anonymous(), 4);
        let set = anonymous.iter().zip(&passwords).map(|(client, password)| {
            let body = json!({"token": token, "new_password": password});
            async move { client.post("/auth/password-reset", &body).await }
        });
        let invalid = (401, "reset_token_invalid");
        assert_eq!(count(join_all(set).await, 204, &[invalid]), 1);
        assert_eq!(good_ones(&race, &email, &passwords).await.len(), 1);
        ana.hears_that_it_ended().await;
    }
}

#[tokio::test]
async fn a_password_that_many_replace_at_once_is_replaced_once() {
    let race = Race::begin().await;
    let passwords: Vec<_> = (0..4).map(|n| format!("password number {n}")).collect();
    for _ in 0..4 {
        let (ana, _) = race.shop.customer().await;
        let email = ana.email().await;
        let sessions = race.each(&ana, 4);
        let changed = sessions.iter().zip(&passwords).map(|(client, password)| {
            let body = json!({"current_password": PASSWORD, "new_password": password});
            async move { client.put("/me/password", &body).await }
        });
        let refused = [(422, "validation_failed"), (401, "session_ended")];
        assert_eq!(count(join_all(changed).await, 200, &refused), 1);
        assert_eq!(good_ones(&race, &email, &passwords).await.len(), 1);
        ana.hears_that_it_ended().await;
    }
}
