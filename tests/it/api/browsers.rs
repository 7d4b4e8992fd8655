//! What browsers are told: how to treat an answer, and which pages may read it.

use integration_tests::{Answer, Caches, Client, Shop};
use serde_json::json;

/// What is on every answer that says nothing else.
const PROTECTION: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

fn protection(answer: &Answer) -> [(&str, &str); 4] {
    PROTECTION.map(|(name, _)| (name, answer.header(name).unwrap_or_default()))
}

#[tokio::test]
async fn every_answer_says_how_to_treat_it() {
    let shop = Shop::open().await;
    let (ana, _) = shop.customer().await;
    for answer in [
        ana.get("/me").await.expect(200),
        ana.get("/orders").await.expect(200),
        ana.get("/audit").await.expect(403),
        ana.get("/nowhere").await.expect(404),
        ana.delete("/livez").await.expect(405),
        ana.post("/auth/login", &json!([])).await.expect(422),
        ana.post("/auth/logout", &json!({})).await.expect(204),
    ] {
        assert_eq!(protection(&answer), PROTECTION);
    }
}

#[tokio::test]
async fn what_says_itself_how_to_treat_it_is_left_as_it_is() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 1).await;
    let anonymous = shop.anonymous();
    let product = anonymous
        .get(&format!("/products/{product}"))
        .await
        .expect(200);
    assert_eq!(product.header("cache-control"), Some("private, no-cache"));
    let docs = anonymous.get("/docs").await.expect(200);
    let policy = docs.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src"), "{policy}");
    assert_eq!(docs.header("x-content-type-options"), Some("nosniff"));
}

const SHOP: &str = "https://shop.example";

/// The header that names who may read an answer.
const ALLOWED: &str = "access-control-allow-origin";

async fn from_origin(client: &Client, origin: &str, method: &str, path: &str) -> Answer {
    Answer::to(client.request(method, path).header("Origin", origin)).await
}

/// The answer to the question of a browser whether it may place an order, which is none of the
/// document's operations: its status, and a header.
async fn preflight(client: &Client, origin: &str) -> (u16, impl Fn(&str) -> Option<String>) {
    let request = client
        .request("OPTIONS", "/orders")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header(
            "Access-Control-Request-Headers",
            "authorization,idempotency-key",
        );
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, move |name: &str| {
        Some(headers.get(name)?.to_str().unwrap().to_lowercase())
    })
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header(ALLOWED)
}

#[tokio::test]
async fn no_page_of_another_origin_may_call_unless_its_origin_is_named() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    assert_eq!(
        allowed(&from_origin(&client, SHOP, "GET", "/products").await),
        None
    );
    let (status, header) = preflight(&client, SHOP).await;
    assert_eq!((status, header(ALLOWED)), (405, None));
}

#[tokio::test]
async fn pages_of_named_origins_may_call_and_read_errors_too() {
    let open = |settings: &mut http_actix::settings::Settings| {
        settings.http.cors_origins = SHOP.parse().unwrap();
    };
    let shop = Shop::opened_with(Caches::InProcess, open).await;
    let client = shop.anonymous();
    let (status, header) = preflight(&client, SHOP).await;
    assert_eq!((status, header(ALLOWED).as_deref()), (200, Some(SHOP)));
    for (name, value) in [
        ("access-control-allow-methods", "post"),
        ("access-control-allow-headers", "idempotency-key"),
    ] {
        let told = header(name).unwrap();
        assert!(told.contains(value), "{name}: {told}");
    }
    for (method, path, status) in [("GET", "/products", 200), ("POST", "/orders", 401)] {
        let answer = from_origin(&client, SHOP, method, path)
            .await
            .expect(status);
        assert_eq!(allowed(&answer), Some(SHOP));
        // A cache must not give it to a page of another origin.
        let vary = answer.header("vary").unwrap();
        assert!(vary.to_lowercase().contains("origin"), "{vary}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("x-request-id"), "{exposed}");
    }
    for other in ["https://elsewhere.example", "null"] {
        assert_eq!(
            allowed(&from_origin(&client, other, "GET", "/products").await),
            None
        );
        let (status, header) = preflight(&client, other).await;
        assert_eq!((status, header(ALLOWED)), (403, None));
    }
}
