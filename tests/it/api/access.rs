//! Who may call what: every endpoint, as every caller.

use std::collections::BTreeSet;

use domain::identity::Role;
use http_actix::{
    access::Access,
    routes::{Endpoint, endpoints},
};
use integration_tests::{Answer, Client, Shop};
use serde_json::json;

/// The contract's table, written a second time: who gets past the guard.
const MAY: &[(&str, &str, &[&str])] = &[
    (
        "POST",
        "/auth/login",
        &["anonymous", "customer", "staff", "admin"],
    ),
    (
        "POST",
        "/auth/refresh",
        &["anonymous", "customer", "staff", "admin"],
    ),
    ("POST", "/auth/logout", &["customer", "staff", "admin"]),
    ("POST", "/auth/logout-all", &["customer", "staff", "admin"]),
    (
        "POST",
        "/auth/password-reset",
        &["anonymous", "customer", "staff", "admin"],
    ),
    ("GET", "/me", &["customer", "staff", "admin"]),
    ("PUT", "/me/password", &["customer", "staff", "admin"]),
    ("GET", "/me/sessions", &["customer", "staff", "admin"]),
    (
        "DELETE",
        "/me/sessions/{id}",
        &["customer", "staff", "admin"],
    ),
    ("GET", "/audit", &["admin"]),
    ("GET", "/api-keys", &["customer", "staff", "admin"]),
    ("POST", "/api-keys", &["customer", "staff", "admin"]),
    ("GET", "/api-keys/{id}", &["customer", "staff", "admin"]),
    ("DELETE", "/api-keys/{id}", &["customer", "staff", "admin"]),
    ("GET", "/users", &["admin"]),
    ("POST", "/users", &["admin"]),
    ("GET", "/users/{id}", &["admin"]),
    ("PATCH", "/users/{id}", &["admin"]),
    ("POST", "/users/{id}/password-reset", &["admin"]),
    ("POST", "/customers", &["anonymous", "staff", "admin"]),
    ("GET", "/customers", &["staff", "admin"]),
    ("GET", "/customers/{id}", &["customer", "staff", "admin"]),
    ("GET", "/customers/export", &["staff", "admin"]),
    (
        "GET",
        "/customers/{id}/export",
        &["customer", "staff", "admin"],
    ),
    ("PATCH", "/customers/{id}", &["customer", "staff", "admin"]),
    ("DELETE", "/customers/{id}", &["customer", "admin"]),
    ("POST", "/products", &["staff", "admin"]),
    (
        "GET",
        "/products",
        &["anonymous", "customer", "staff", "admin"],
    ),
    ("GET", "/products/export", &["staff", "admin"]),
    ("POST", "/products/import", &["staff", "admin"]),
    ("PATCH", "/products/{id}", &["staff", "admin"]),
    ("DELETE", "/products/{id}", &["staff", "admin"]),
    (
        "GET",
        "/products/best-sellers",
        &["anonymous", "customer", "staff", "admin"],
    ),
    (
        "GET",
        "/products/{id}",
        &["anonymous", "customer", "staff", "admin"],
    ),
    ("GET", "/products/{id}/stock", &["staff", "admin"]),
    ("PUT", "/products/{id}/stock", &["staff", "admin"]),
    ("GET", "/products/{id}/stock/movements", &["staff", "admin"]),
    (
        "POST",
        "/products/{id}/stock/movements",
        &["staff", "admin"],
    ),
    ("GET", "/stock", &["staff", "admin"]),
    ("POST", "/orders", &["customer", "staff", "admin"]),
    ("GET", "/orders", &["customer", "staff", "admin"]),
    ("GET", "/orders/export", &["customer", "staff", "admin"]),
    ("GET", "/orders/{id}", &["customer", "staff", "admin"]),
    (
        "GET",
        "/orders/{id}/history",
        &["customer", "staff", "admin"],
    ),
    ("PUT", "/orders/{id}", &["customer", "staff", "admin"]),
    (
        "GET",
        "/livez",
        &["anonymous", "customer", "staff", "admin"],
    ),
    (
        "GET",
        "/readyz",
        &["anonymous", "customer", "staff", "admin"],
    ),
    (
        "GET",
        "/.well-known/jwks.json",
        &["anonymous", "customer", "staff", "admin"],
    ),
    ("GET", "/docs", &["anonymous", "customer", "staff", "admin"]),
    (
        "GET",
        "/docs/{name}",
        &["anonymous", "customer", "staff", "admin"],
    ),
    (
        "GET",
        "/openapi.json",
        &["anonymous", "customer", "staff", "admin"],
    ),
];

async fn call(client: &Client, method: &str, path: &str) -> Answer {
    // What is past the guard finds nothing under this id, and nothing right in this body.
    let path = path.replace("{id}", "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5");
    let request = client.request(method, &path);
    if method == "GET" {
        Answer::to(request).await
    } else {
        Answer::to(request.json(&json!({"unknown": true}))).await
    }
}

#[tokio::test]
async fn every_endpoint_lets_in_whom_the_contract_names_and_nobody_else() {
    let shop = Shop::open().await;
    let callers = [
        ("anonymous", shop.anonymous()),
        ("customer", shop.customer().await.0),
        ("staff", shop.staff),
        ("admin", shop.server.admin().await),
    ];
    let declared = endpoints().map(|endpoint| (endpoint.verb.methods()[0], endpoint.path));
    let declared: BTreeSet<_> = declared.collect();
    let in_the_table: BTreeSet<_> = MAY
        .iter()
        .map(|(method, path, _)| (*method, *path))
        .collect();
    assert_eq!(
        declared, in_the_table,
        "every endpoint is in the table above"
    );
    // Whoever has logged out calls nothing any more.
    let is_logout = |endpoint: &&Endpoint| endpoint.path.starts_with("/auth/logout");
    let last = endpoints().filter(is_logout);
    for endpoint in endpoints()
        .filter(|endpoint| !is_logout(endpoint))
        .chain(last)
    {
        let (method, path) = (endpoint.verb.methods()[0], endpoint.path);
        let row = |(m, p, _): &&(&str, &str, _)| (*m, *p) == (method, path);
        let (_, _, may) = MAY.iter().find(row).unwrap();
        for (caller, client) in &callers {
            let answer = call(client, method, path).await;
            let what = format!("{method} {path} as {caller}: {}", answer.body);
            if may.contains(caller) {
                assert!(
                    answer.status != 403 && answer.body["code"] != "token_missing",
                    "{what}"
                );
                assert!(answer.status < 500, "{what}");
            } else if *caller == "anonymous" {
                assert_eq!(answer.body["code"], "token_missing", "{what}");
                assert_eq!(answer.status, 401, "{what}");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            } else {
                assert_eq!(
                    (answer.status, &answer.body["code"]),
                    (403, &json!("forbidden")),
                    "{what}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_wherever_a_token_counts() {
    let shop = Shop::open().await;
    let good = shop.server.admin().await;
    let bad = shop.anonymous().with_token("not.a.token");
    for endpoint in endpoints() {
        let (method, path) = (endpoint.verb.methods()[0], endpoint.path);
        let answer = call(&bad, method, path).await;
        if matches!(endpoint.access, Access::Public | Access::Open(_)) {
            let expected = call(&good, method, path).await.status;
            assert_eq!(
                answer.status, expected,
                "{method} {path} does not refuse tokens"
            );
        } else {
            let answer = answer.expect_problem(401, "token_invalid");
            let challenge = answer.header("www-authenticate").unwrap();
            assert_eq!(challenge, r#"Bearer error="invalid_token""#);
        }
    }
}

#[tokio::test]
async fn what_is_not_a_bearer_token_is_no_token() {
    let shop = Shop::open().await;
    for header in ["Basic YTpi", "Bearer", "Bearer ", "x"] {
        let request = shop.anonymous().request("POST", "/orders");
        let answer = Answer::to(request.header("authorization", header)).await;
        let _ = answer.expect_problem(401, "token_invalid");
    }
    let token = shop.staff.token().unwrap();
    let twice = shop.staff.request("GET", "/orders");
    let answer = Answer::to(twice.header("authorization", format!("Bearer {token}"))).await;
    let _ = answer.expect_problem(401, "token_invalid");
}

#[test]
fn no_role_is_left_out_by_mistake() {
    for endpoint in endpoints() {
        let what = format!("{} {}", endpoint.verb.methods()[0], endpoint.path);
        assert!(
            endpoint.access.admits(Role::Admin),
            "{what}: the shop may do everything"
        );
        let is_the_admins = what == "DELETE /customers/{id}"
            || ["/users", "/audit"]
                .iter()
                .any(|path| endpoint.path.starts_with(path));
        assert!(
            endpoint.access.admits(Role::Staff) || is_the_admins,
            "{what}: the shop's people may do everything but erase somebody and manage accounts"
        );
    }
}
