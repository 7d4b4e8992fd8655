//! Rate limits: what is counted, against what, and what callers are told.

use std::time::Duration;

use adapters_postgres::DatabaseSettings;
use http_actix::settings::{RateLimitSettings, Settings};
use integration_tests::{Answer, Caches, Client, Proxy, Shop, World, eventually};
use serde_json::json;

const LIMITS: RateLimitSettings = RateLimitSettings {
    customer: 5,
    staff: 1_000,
    address: 7,
    auth: 3,
};

/// What the servers that are tried differ in; the first one of a shop has no limits, so that the test can
/// set it up.
fn limited(settings: &mut Settings) {
    settings.rate_limits = Some(LIMITS);
}

fn told(answer: &Answer) -> (&str, &str) {
    let header = |name| answer.header(name).unwrap_or_default();
    let (remaining, _) = header("ratelimit").rsplit_once(";t=").unwrap_or_default();
    (header("ratelimit-policy"), remaining)
}

/// Reads until it is refused, and returns how often it was answered.
async fn read_all(client: &Client, path: &str) -> (usize, Answer) {
    for answered in 0.. {
        let answer = client.get(path).await;
        if answer.status == 429 {
            return (answered, answer.expect_problem(429, "rate_limited"));
        }
        let _ = answer.expect(200);
    }
    unreachable!("it is refused at some time")
}

#[tokio::test]
async fn a_customer_is_told_what_remains_and_is_refused_when_nothing_does() {
    let shop = Shop::open().await;
    let (ana, _) = shop.customer().await;
    let (bia, _) = shop.customer().await;
    let server = shop.replica_with(limited);
    let (ana, bia) = (ana.at(&server.anonymous()), bia.at(&server.anonymous()));
    let first = ana.get("/me").await.expect(200);
    assert_eq!(told(&first), ("\"customer\";q=5;w=60", "\"customer\";r=4"));
    // What is refused for another reason counts, and tells.
    let refused = ana.get("/audit").await.expect(403);
    assert_eq!(told(&refused).1, "\"customer\";r=3");
    let (answered, exceeded) = read_all(&ana, "/orders").await;
    assert_eq!(answered, 3);
    assert_eq!(told(&exceeded).1, "\"customer\";r=0");
    let wait: u64 = exceeded.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=120).contains(&wait), "{wait}");
    let _ = bia.get("/me").await.expect(200);
}

#[tokio::test]
async fn an_account_is_counted_wherever_it_calls_from_and_its_address_is_not() {
    let shop = Shop::open().await;
    let (ana, _) = shop.customer().await;
    let server = shop.replica_with(limited);
    let ana = ana.at(&server.anonymous());
    let elsewhere = ana.coming_from([127, 0, 0, 9]);
    for _ in 0..2 {
        let _ = ana.get("/me").await.expect(200);
        let _ = elsewhere.get("/me").await.expect(200);
    }
    assert_eq!(read_all(&elsewhere, "/me").await.0, 1);
    assert_eq!(read_all(&server.anonymous(), "/products").await.0, 7);
}

#[tokio::test]
async fn logins_and_sign_ups_have_a_stricter_limit_of_their_address() {
    let shop = Shop::open().await;
    let server = shop.replica_with(limited);
    let anonymous = server.anonymous();
    let login = json!({"email": "ana@example.com", "password": "correct horse battery"});
    let wrong = anonymous.post("/auth/login", &login).await.expect(401);
    assert_eq!(told(&wrong), ("\"auth\";q=3;w=60", "\"auth\";r=2"));
    let new =
        json!({"nome": "Ana", "email": "ana@example.com", "password": "correct horse battery"});
    let _ = anonymous.post("/customers", &new).await.expect(201);
    let refresh = json!({"refresh_token": "no such token"});
    let _ = anonymous.post("/auth/refresh", &refresh).await.expect(401);
    for (path, body) in [("/auth/login", &login), ("/customers", &new)] {
        let answer = anonymous.post(path, body).await;
        let _ = answer.expect_problem(429, "rate_limited");
    }
    let elsewhere = anonymous.coming_from([127, 0, 0, 9]);
    let _ = elsewhere.post("/auth/login", &login).await.expect(200);
    // The staff signs customers up as often as it likes.
    let staff = shop.staff.at(&anonymous);
    let other =
        json!({"nome": "Bia", "email": "bia@example.com", "password": "correct horse battery"});
    let signed_up = staff.post("/customers", &other).await.expect(201);
    assert_eq!(told(&signed_up).0, "\"staff\";q=1000;w=60");
    // Probes and documentation are free.
    for path in ["/livez", "/readyz", "/docs", "/openapi.json"] {
        for _ in 0..8 {
            assert_eq!(told(&anonymous.get(path).await.expect(200)), ("", ""));
        }
    }
}

#[tokio::test]
async fn a_token_that_is_not_valid_counts_against_the_address() {
    let shop = Shop::open().await;
    let server = shop.replica_with(limited);
    let forger = server.anonymous().with_token("forged");
    for _ in 0..7 {
        let _ = forger.get("/me").await.expect_problem(401, "token_invalid");
    }
    let _ = forger.get("/me").await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn of_keys_that_are_made_up_few_are_looked_up_and_a_real_one_is_as_good_as_before() {
    let shop = Shop::open().await;
    let wire = Proxy::to_database(&shop.database).await;
    let server = shop.replica_with(|settings| {
        limited(settings);
        let url = wire.database_url(&shop.database);
        settings.database = DatabaseSettings::parse(&url, 8).unwrap();
    });
    let request = json!({"name": "ERP", "scopes": ["orders:read"]});
    let made = shop.staff.post("/api-keys", &request).await.expect(201);
    // A key is remembered once revocations are heard: they are asked for twice a second, and everything else that a
    // server asks for by itself only when it starts.
    eventually("it hears of revocations", async || wire.statements() > 15).await;
    let erp = server
        .anonymous()
        .with_token(made.body["key"].as_str().unwrap());
    let _ = erp.get("/orders").await.expect(200);
    let guess = async |n: u64| {
        let key = format!("blc_{}{n:011}A", "A".repeat(31));
        let guess = server.anonymous().with_token(&key);
        // Whatever a path counts as.
        if n.is_multiple_of(2) {
            guess.get("/orders").await.status
        } else {
            guess.post("/customers", &json!({})).await.status
        }
    };
    for n in 0..3 {
        assert_eq!(guess(n).await, 401);
    }
    let before = wire.statements();
    for n in 3..303 {
        assert_eq!(guess(n).await, 429);
    }
    // What the server asks by itself.
    assert!(wire.statements() - before < 100);
    let _ = erp.get("/orders").await.expect(200);
}

async fn forwarded(client: &Client, address: &str) -> Answer {
    let request = client.request("GET", "/products");
    Answer::to(request.header("X-Forwarded-For", address)).await
}

#[tokio::test]
async fn the_address_behind_a_proxy_counts_only_when_the_proxy_is_trusted() {
    let shop = Shop::open().await;
    let server = shop.replica_with(limited);
    for n in 0..7 {
        let _ = forwarded(&server.anonymous(), &format!("192.0.2.{n}"))
            .await
            .expect(200);
    }
    let _ = forwarded(&server.anonymous(), "192.0.2.99")
        .await
        .expect(429);
    let behind = shop.replica_with(|settings| {
        limited(settings);
        settings.http.proxies = "127.0.0.1".parse().unwrap();
    });
    for _ in 0..7 {
        // The proxy adds the address that it sees to whatever its client has sent.
        let _ = forwarded(&behind.anonymous(), "203.0.113.5, 192.0.2.1")
            .await
            .expect(200);
    }
    let _ = forwarded(&behind.anonymous(), "203.0.113.6, 192.0.2.1")
        .await
        .expect(429);
    let _ = forwarded(&behind.anonymous(), "192.0.2.2")
        .await
        .expect(200);
}

/// Many more than one replica's share, so that the others are told of it.
fn two_hundred(settings: &mut Settings) {
    settings.rate_limits = Some(RateLimitSettings {
        customer: 200,
        ..LIMITS
    });
}

/// Waits until a replica knows what the others have counted: until it says that nothing remains.
async fn is_refused_at_last(client: &Client) {
    let refused = async {
        while client.get("/me").await.status != 429 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused)
        .await
        .unwrap();
}

#[tokio::test]
async fn replicas_count_together() {
    let shop = Shop::with(Caches::redis()).await;
    let (ana, _) = shop.customer().await;
    let (one, other) = (
        shop.replica_with(two_hundred),
        shop.replica_with(two_hundred),
    );
    let (here, there) = (ana.at(&one.anonymous()), ana.at(&other.anonymous()));
    // What was not told before its minute ends is told to nobody.
    eventually("the minute does not end soon", || async {
        World::now().second() < 50
    })
    .await;
    // The one that is asked first knows nothing of the other but what it is told.
    for _ in 0..20 {
        let _ = there.get("/me").await.expect(200);
    }
    let (answered, _) = read_all(&here, "/me").await;
    assert!((150..=200).contains(&answered), "{answered}");
    is_refused_at_last(&there).await;
}

#[tokio::test]
async fn a_replica_counts_for_itself_while_redis_is_away_and_no_request_fails() {
    let proxy = Proxy::to_redis().await;
    let shop = Shop::with(Caches::redis_at(&proxy.url())).await;
    let (ana, _) = shop.customer().await;
    let server = shop.replica_with(limited);
    proxy.cut();
    let ana = ana.at(&server.anonymous());
    assert_eq!(read_all(&ana, "/me").await.0, 5);
}
