//! `/customers`.

use integration_tests::{Caches, PASSWORD, TestDatabase, TestServer};
use serde_json::json;

#[tokio::test]
async fn a_customer_sees_themselves_and_nobody_else() {
    let database = TestDatabase::migrated().await;
    let server = TestServer::start(&database, Caches::redis());
    let (ana, ana_id) = server.customer().await;
    let (bob, bob_id) = server.customer().await;
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
    let staff = server.staff().await;
    for id in [&ana_id, &bob_id] {
        let _ = staff.get(&path(id)).await.expect(200);
    }
    let nobody = path("0192f0c1-2a3b-7c4d-8e5f-60718293a4b5");
    let _ = staff.get(&nobody).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_shop_registers_customers_with_and_without_an_account() {
    let database = TestDatabase::migrated().await;
    let server = TestServer::start(&database, Caches::InProcess);
    let staff = server.staff().await;
    let without = json!({"nome": "Ana", "email": "ana@example.com"});
    let _ = staff.post("/customers", &without).await.expect(201);
    let login = json!({"email": "ana@example.com", "password": PASSWORD});
    let refused = server.anonymous().post("/auth/login", &login).await;
    let _ = refused.expect_problem(401, "wrong_credentials");
    let with = json!({"nome": "Bob", "email": "bob@example.com", "password": PASSWORD});
    let _ = staff.post("/customers", &with).await.expect(201);
    let _ = server.anonymous().logged_in("bob@example.com").await;
}

#[tokio::test]
async fn who_signs_up_needs_a_password() {
    let database = TestDatabase::migrated().await;
    let server = TestServer::start(&database, Caches::InProcess);
    let body = json!({"nome": "Ana", "email": "ana@example.com"});
    let answer = server.anonymous().post("/customers", &body).await;
    let answer = answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.body["errors"][0]["pointer"], "/password");
    assert_eq!(answer.body["errors"][0]["code"], "required");
}
