//! What the log tells of persons and of their secrets: nothing, however much is asked of it.

use integration_tests::{Answer, Authority, Client, PASSWORD, TestDatabase, TlsProxy};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CREATE_BOSS, balcao, run, serve_by, terminate};

const ANA: &str = "ana.of.the.log@example.com";

/// What is sent in the story below, beside tokens.
const SENT: [&str; 9] = [
    "boss@example.com",
    ANA,
    "Ana Of The Log",
    "ERP of the log",
    PASSWORD,
    "a wrong guess",
    "another one to log",
    "a-key-of-the-log",
    "a note of the log",
];

/// Tells a story in which everything is sent that a log must not have, and returns all of that.
async fn story(anonymous: &Client) -> Vec<String> {
    let boss = anonymous.logged_in("boss@example.com").await;
    let sign_up = json!({"nome": "Ana Of The Log", "email": ANA, "password": PASSWORD});
    let _ = anonymous.post("/customers", &sign_up).await.expect(201);
    // Taken, and so refused by PostgreSQL.
    let _ = anonymous.post("/customers", &sign_up).await.expect(409);
    let wrong = json!({"email": ANA, "password": "a wrong guess"});
    let _ = anonymous.post("/auth/login", &wrong).await.expect(401);
    let broken = anonymous.request("POST", "/auth/login");
    let broken = broken.header("content-type", "application/json");
    let broken = broken.body(format!("{{\"email\": \"{ANA}\""));
    let _ = Answer::to(broken).await.expect(400);
    let (_, first) = anonymous.log_in(ANA).await;
    let refreshed = anonymous.refresh(&first).await.expect(200);
    let (ana, second) = anonymous.with_tokens(&refreshed);
    let (key, reset) = (order(&boss, &ana).await, reset(&boss).await);
    // Without what says of which kind they are.
    let tokens = [first, second, key, reset].map(|token| token[4..].to_owned());
    let access = [&boss, &ana].map(|client| client.token().unwrap().split('.').skip(1));
    let access = access.into_iter().flatten();
    let sent = SENT.into_iter().chain(access).map(str::to_owned);
    sent.chain(tokens).collect()
}

/// A customer's machine places an order, and the shop notes something on it. Returns the key.
async fn order(boss: &Client, ana: &Client) -> String {
    let product = boss.product("19.90", 9).await;
    let key = json!({"name": "ERP of the log", "scopes": ["orders:write", "orders:read"]});
    let key = ana.post("/api-keys", &key).await.expect(201);
    let key = key.body["key"].as_str().unwrap();
    let erp = ana.with_token(key);
    let _ = erp.get("/orders").await.expect(200);
    let order = json!({"itens": [{"product_id": product, "quantidade": 1}]});
    let order = erp.request("POST", "/orders").json(&order);
    let order = order.header("idempotency-key", "a-key-of-the-log");
    let order = Answer::to(order).await.expect(201);
    let order = order.header("location").unwrap();
    let paid = json!({"status": "paid", "note": "a note of the log"});
    let _ = boss.put(order, &paid).await.expect(200);
    key.to_owned()
}

/// Ana sets another password, and shows the token where it is of no use. Returns the token.
async fn reset(boss: &Client) -> String {
    let found = boss.get(&format!("/users?email={ANA}")).await.expect(200);
    let id = found.items()[0]["id"].as_str().unwrap();
    let offer = format!("/users/{id}/password-reset");
    let offer = boss.post(&offer, &json!(null)).await.expect(200);
    let token = offer.body["token"].as_str().unwrap();
    let set = json!({"token": token, "new_password": "another one to log"});
    let set = boss.post("/auth/password-reset", &set).await;
    let _ = set.expect(204);
    let _ = boss.with_token(token).get("/me").await.expect(401);
    token.to_owned()
}

/// The lines of a server's log during the story, and of that of the command before it, with what
/// must not be in them.
async fn told(rust_log: Option<&str>) -> (Vec<String>, Vec<String>) {
    let database = TestDatabase::empty().await;
    let logging = |args: &[&str]| {
        let mut command = balcao(&database, args);
        command.envs(rust_log.map(|chosen| ("RUST_LOG", chosen)));
        command
    };
    let authority = Authority::default();
    let redis = TlsProxy::to_redis(&authority).await;
    let namespace = format!("test-{}", Uuid::new_v4().simple());
    let (url, name) = (redis.redis_url(), "--redis-namespace");
    let mut serve = logging(&["serve", "--redis-url", &url, name, &namespace]);
    serve.env("SSL_CERT_FILE", authority.root());
    let mut served = serve_by(serve).await;
    let created = run(logging(&CREATE_BOSS), PASSWORD).await;
    assert!(created.status.success());
    let secrets = story(&served.client).await;
    terminate(&mut served.process).await;
    let log = served.log.await.unwrap();
    let command = String::from_utf8(created.stderr).unwrap();
    let command = command.lines().map(str::to_owned);
    let lines = log.iter().map(Value::to_string).chain(command);
    (lines.collect(), secrets)
}

#[tokio::test]
async fn whatever_is_asked_of_it_the_log_has_nobodys_name_nor_secret() {
    for rust_log in [None, Some("info"), Some("debug"), Some("trace")] {
        let (lines, secrets) = told(rust_log).await;
        let requests = lines.iter().filter(|line| line.contains("request_id"));
        assert!(requests.count() > 10, "{rust_log:?}");
        for secret in secrets {
            let told: Vec<_> = lines.iter().filter(|line| line.contains(&secret)).collect();
            assert!(told.is_empty(), "{rust_log:?}: {secret} is in {told:#?}");
        }
    }
}

#[tokio::test]
async fn what_statements_are_given_is_logged_for_whoever_asks_for_it_by_name() {
    let (lines, _) = told(Some("info,tokio_postgres=debug")).await;
    let told = lines.iter().any(|line| line.contains(ANA));
    assert!(told, "the driver logs what statements are given");
}
