//! `/customers`.

use integration_tests::{Caches, PASSWORD, Shop};
use serde_json::json;

#[tokio::test]
async fn a_customer_sees_themselves_and_nobody_else() {
    let shop = Shop::with(Caches::redis()).await;
    let (ana, ana_id) = shop.customer().await;
    let (bob, bob_id) = shop.customer().await;
    let path = |id: &str| format!("/customers/{id}");
    assert_eq!(
        ana.get(&path(&ana_id)).await.expect(200).body["id"],
        *ana_id
    );
    // The entry is in the cache by now: it is no way around the check.
    let _ = bob
        .get(&path(&ana_id))
        .await
        .expect_problem(404, "not_found");
    let _ = ana
        .get(&path(&bob_id))
        .await
        .expect_problem(404, "not_found");
    for id in [&ana_id, &bob_id] {
        let _ = shop.staff.get(&path(id)).await.expect(200);
    }
    let nobody = path("0192f0c1-2a3b-7c4d-8e5f-60718293a4b5");
    let _ = shop
        .staff
        .get(&nobody)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_shop_registers_customers_with_and_without_an_account() {
    let shop = Shop::open().await;
    let without = json!({"nome": "Ana", "email": "ana@example.com"});
    let _ = shop.staff.post("/customers", &without).await.expect(201);
    let login = json!({"email": "ana@example.com", "password": PASSWORD});
    let refused = shop.anonymous().post("/auth/login", &login).await;
    let _ = refused.expect_problem(401, "wrong_credentials");
    let with = json!({"nome": "Bob", "email": "bob@example.com", "password": PASSWORD});
    let _ = shop.staff.post("/customers", &with).await.expect(201);
    let _ = shop.anonymous().logged_in("bob@example.com").await;
}

#[tokio::test]
async fn who_signs_up_needs_a_password() {
    let shop = Shop::open().await;
    let body = json!({"nome": "Ana", "email": "ana@example.com"});
    let answer = shop.anonymous().post("/customers", &body).await;
    let answer = answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.body["errors"][0]["pointer"], "/password");
    assert_eq!(answer.body["errors"][0]["code"], "required");
}
