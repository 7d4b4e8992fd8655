//! Every error is a problem document, the framework's own included.

use integration_tests::{Answer, DOCUMENT, Shop};
use serde_json::json;

use super::connections::{rest, send};

/// An id that nothing has.
const NOBODYS: &str = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";

#[tokio::test]
async fn the_frameworks_own_errors_are_problem_documents_too() {
    let shop = Shop::open().await;
    let json = |body: String| {
        let request = shop.staff.request("POST", "/products");
        request
            .header("content-type", "application/json")
            .body(body)
    };

    let unknown = shop.staff.get("/nowhere").await;
    let _ = unknown.expect_problem(404, "route_not_found");
    let method = Answer::to(shop.staff.request("DELETE", "/products/1/stock")).await;
    let method = method.expect_problem(405, "method_not_allowed");
    assert_eq!(method.header("allow"), Some("GET, HEAD, PUT"));
    let malformed = Answer::to(json("{\"nome\": ".to_owned())).await;
    let malformed = malformed.expect_problem(400, "malformed_json");
    assert!(
        malformed.body["detail"]
            .as_str()
            .unwrap()
            .contains("line 1")
    );
    let text = shop
        .staff
        .request("POST", "/products")
        .header("content-type", "text/plain");
    let _ = Answer::to(text.body("{}"))
        .await
        .expect_problem(415, "unsupported_media_type");
    let none = shop.staff.request("POST", "/products").body("{}");
    let _ = Answer::to(none)
        .await
        .expect_problem(415, "unsupported_media_type");
    let large = Answer::to(json(" ".repeat(256 * 1024 + 1))).await;
    let _ = large.expect_problem(413, "body_too_large");
    let id = shop.staff.get("/orders/1").await;
    let _ = id.expect_problem(400, "malformed_id");
    let query = shop.staff.get("/products/best-sellers?limit=ten").await;
    let query = query.expect_problem(400, "malformed_query");
    assert_eq!(query.body["errors"][0]["parameter"], "limit");
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let shop = Shop::open().await;
    let product = r#"{"nome": "Café", "preco": 1}"#;
    let body = format!("{product}{}", " ".repeat(256 * 1024 - product.len()));
    let request = shop.staff.request("POST", "/products");
    let request = request.header("content-type", "application/json; charset=utf-8");
    let _ = Answer::to(request.body(body)).await.expect(201);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let shop = Shop::open().await;
    let body = json!({"nome": " ", "email": "ana", "password": "short", "nmoe": "Ana"});
    let answer = shop.anonymous().post("/customers", &body).await;
    let answer = answer.expect_problem(422, "validation_failed");
    let errors = answer.body["errors"].as_array().unwrap();
    let told: Vec<_> = errors
        .iter()
        .map(|e| (e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("/nome", "blank"),
            ("/email", "malformed"),
            ("/password", "too_short"),
            ("/nmoe", "unknown_field"),
        ]
    );
}

#[tokio::test]
async fn a_well_formed_request_id_comes_back_and_any_other_is_replaced() {
    let shop = Shop::open().await;
    let ask = |id: &str| {
        let request = shop.anonymous().request("GET", "/nowhere");
        Answer::to(request.header("x-request-id", id))
    };
    let kept = ask("Order-17_a.b")
        .await
        .expect_problem(404, "route_not_found");
    assert_eq!(kept.header("x-request-id"), Some("Order-17_a.b"));
    for id in ["", "a b", "<script>", &"x".repeat(129)] {
        let replaced = ask(id).await.expect_problem(404, "route_not_found");
        assert_ne!(replaced.header("x-request-id"), Some(id));
        assert_eq!(replaced.header("x-request-id").unwrap().len(), 36);
    }
    let fine = shop.anonymous().get("/livez").await.expect(200);
    assert!(fine.header("x-request-id").is_some());
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let shop = Shop::open().await;
    let head = Answer::to(shop.anonymous().request("HEAD", "/livez")).await;
    assert_eq!(head.expect(200).body, json!(null));
}

#[tokio::test]
async fn text_that_storage_cannot_hold_is_refused_and_not_an_error_of_ours() {
    let shop = Shop::open().await;
    let body = json!({"nome": "Caf\u{0}é", "descricao": "a\u{0}b", "preco": "1.00"});
    let answer = shop
        .staff
        .post("/products", &body)
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 2);
    let login = json!({"email": "a\u{0}@example.com", "password": "x\u{0}"});
    let answer = shop.anonymous().post("/auth/login", &login).await;
    let _ = answer.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn a_method_that_no_path_has_is_refused_and_repeats_nothing_of_the_request() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 1).await;
    let product = format!("/products/{product}");
    for (path, allow) in [
        ("/products", "POST, GET, HEAD"),
        (&*product, "GET, HEAD, PATCH, DELETE"),
        ("/auth/login", "POST"),
        ("/docs", "GET, HEAD"),
    ] {
        for method in ["TRACE", "TRACK", "BREW"] {
            let request = shop.staff.request(method, path);
            let request = request.header("x-secret", "a header of the request");
            let answer = Answer::to(request.header("cookie", "session=1")).await;
            let answer = answer.expect_problem(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            let said = format!("{:?} {}", answer.headers, answer.body);
            for secret in ["a header", "session=1", shop.staff.token().unwrap()] {
                assert!(!said.contains(secret), "{method} {path}: {said}");
            }
        }
    }
}

/// Every operation that takes a body: its method, a path of it, and the type of the body.
fn operations_with_a_body() -> Vec<(String, String, &'static str)> {
    let mut found = Vec::new();
    for (template, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Some(content) = operation["requestBody"]["content"].as_object() {
                let (method, path) = (method.to_uppercase(), template.replace("{id}", NOBODYS));
                found.push((method, path, content.keys().next().unwrap().as_str()));
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

#[tokio::test]
async fn what_a_form_can_send_is_no_body_of_any_operation() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    for (method, path, _) in operations_with_a_body() {
        for (media_type, body) in [
            ("application/x-www-form-urlencoded", "nome=Ana"),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"nome\"\r\n\r\nAna\r\n--x--\r\n",
            ),
            // A form can make this of a field and its value.
            ("text/plain", "{\"nome\": \"Ana=\"}"),
        ] {
            let request = admin.request(&method, &path).header("if-match", "*");
            let request = request.header("content-type", media_type).body(body);
            let answer = Answer::to(request).await;
            let answer = answer.expect_problem(415, "unsupported_media_type");
            // It would say that the coding is to blame.
            assert_eq!(answer.header("accept-encoding"), None);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_compressed_is_refused_and_none_is_unpacked() {
    let shop = Shop::open().await;
    let admin = shop.server.admin().await;
    for (method, path, media_type) in operations_with_a_body() {
        for coding in ["gzip", "BR", "identity, deflate", "unheard-of", "é"] {
            let request = admin.request(&method, &path).header("if-match", "*");
            let request = request.header("content-type", media_type).body("{}");
            let answer = Answer::to(request.header("content-encoding", coding)).await;
            let answer = answer.expect_problem(415, "unsupported_media_type");
            assert_eq!(answer.header("accept-encoding"), Some("identity"));
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains("not decompressed"), "{detail}");
        }
    }
    for coding in ["identity", "Identity", ""] {
        let request = admin.request("POST", "/products");
        let request = request.json(&json!({"nome": "Café", "preco": 1}));
        let answer = Answer::to(request.header("content-encoding", coding)).await;
        let _ = answer.expect(201);
    }
}

#[tokio::test]
async fn a_path_is_decoded_once_and_leads_nowhere_else() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 1).await;
    let (first, rest_of_it) = product.split_at(1);
    let digit = first.as_bytes()[0];
    let once = format!("/products/%{digit:x}{rest_of_it}");
    let found = shop.anonymous().get(&once).await.expect(200);
    assert_eq!(found.id(), product);
    let twice = format!("/products/%25{digit:x}{rest_of_it}");
    let twice = shop.anonymous().get(&twice).await;
    let _ = twice.expect_problem(400, "malformed_id");
    // As it stands: clients would tidy it up.
    for (path, code) in [
        ("/docs/../livez", "route_not_found"),
        ("/docs/%2e%2e/livez", "route_not_found"),
        ("/docs/..%2flivez", "not_found"),
        ("/docs/..%2f..%2f..%2fetc%2fpasswd", "not_found"),
        ("/docs/%2e%2e%2flivez", "not_found"),
        ("/docs/..%5clivez", "not_found"),
        ("/docs/%252e%252e%252flivez", "not_found"),
        ("/docs//livez", "route_not_found"),
        ("//livez", "route_not_found"),
        ("/livez/", "route_not_found"),
        ("/livez%00", "route_not_found"),
        ("/LIVEZ", "route_not_found"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let said = rest(send(shop.server.addr(), &request).await).await;
        assert!(said.starts_with("HTTP/1.1 404 "), "{path}: {said}");
        assert!(said.contains(&format!("\"{code}\"")), "{path}: {said}");
    }
}
