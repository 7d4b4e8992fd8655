//! From an empty database to a placed order and a clean end; without Redis; after a kill.

use adapters_postgres::embedded_migrations;
use integration_tests::{
    Answer, Authority, Client, PASSWORD, PrivateRedis, Proxy, TestDatabase, TlsProxy, eventually,
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::ChildStderr,
};

use super::{CREATE_BOSS, Served, balcao, run, serve, serve_by, signal, stdout, terminate};

#[tokio::test]
async fn from_an_empty_database_to_a_placed_order_and_a_clean_end() {
    let database = TestDatabase::empty().await;
    let migrate = || run(balcao(&database, &["migrate"]), "");
    let applied = format!("{} migrations applied", embedded_migrations());
    assert_eq!(stdout(&migrate().await), applied);
    assert_eq!(stdout(&migrate().await), "the schema is up to date");

    let created = run(balcao(&database, &CREATE_BOSS), &format!("{PASSWORD}\n")).await;
    assert_eq!(stdout(&created), "boss@example.com may log in as admin");
    let again = run(balcao(&database, &CREATE_BOSS), &format!("{PASSWORD}\n")).await;
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("has an account already"));
    let if_absent = [&CREATE_BOSS[..], &["--if-absent"]].concat();
    let _ = stdout(&run(balcao(&database, &if_absent), PASSWORD).await);
    let short = run(balcao(&database, &CREATE_BOSS), "short\n").await;
    assert!(String::from_utf8_lossy(&short.stderr).contains("at least 8 characters"));

    let seed = || run(balcao(&database, &["seed"]), "");
    assert_eq!(
        stdout(&seed().await),
        "loaded 40 products, 20 customers and 200 orders"
    );
    assert_eq!(stdout(&seed().await), "the demonstration is there already");

    let Served {
        mut process,
        log,
        client: anonymous,
    } = serve(&database, &[]).await;
    let boss = anonymous.logged_in("boss@example.com").await;
    let product = boss.product("19.90", 3).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@new.example", "password": PASSWORD});
    let _ = anonymous.post("/customers", &sign_up).await.expect(201);
    let ana = anonymous.logged_in("ana@new.example").await;
    let order = ana.order(&product, 2).await.expect(201);
    assert_eq!(order.body["total"], "39.80");
    let top = anonymous.get("/products/best-sellers").await.expect(200);
    assert_eq!(top.body["items"].as_array().unwrap().len(), 10);

    terminate(&mut process).await;
    let told = log.await.unwrap();
    let placed = told.iter().find(|e| e["http.route"] == "/orders").unwrap();
    assert_eq!(placed["http.method"], "POST");
    assert_eq!(placed["http.status"], 201);
    assert_eq!(placed["role"], "customer");
    assert_eq!(placed["request_id"], *order.header("x-request-id").unwrap());
    assert!(placed["duration_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(told.last().unwrap()["message"], "stopped");
}

#[tokio::test]
async fn a_redis_that_is_away_is_said_once_and_not_once_a_request() {
    let database = TestDatabase::empty().await;
    let Served {
        mut process,
        log,
        client,
    } = serve(&database, &["--redis-url", "redis://127.0.0.1:1"]).await;
    // Each asks for another list, and so asks Redis.
    for days in 1..=20 {
        let path = format!("/products/best-sellers?days={days}");
        let _ = client.get(&path).await.expect(200);
    }
    terminate(&mut process).await;
    let told = log.await.unwrap();
    let said = told.iter().filter(|event| {
        let message = event["message"].as_str().unwrap();
        message.contains("Redis does not answer")
    });
    assert_eq!(said.count(), 1);
}

/// Reads a server's log until this is said.
async fn until(log: &mut Lines<BufReader<ChildStderr>>, said: &str) -> Value {
    let read = async {
        while let Some(line) = log.next_line().await.unwrap() {
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["message"].as_str().unwrap().contains(said) {
                return event;
            }
        }
        panic!("it ends and does not say: {said}");
    };
    tokio::time::timeout(integration_tests::PATIENCE, read)
        .await
        .expect("it is said")
}

#[tokio::test]
async fn a_postgresql_that_is_away_at_the_start_is_waited_for() {
    let database = TestDatabase::empty().await;
    let proxy = Proxy::to_database(&database).await;
    proxy.cut();
    let start = || {
        let mut server = balcao(&database, &["serve"]);
        server.env("DATABASE_URL", proxy.database_url(&database));
        server.env("DATABASE_POOLING", "direct");
        let mut server = server.spawn().unwrap();
        let log = BufReader::new(server.stderr.take().unwrap()).lines();
        (server, log)
    };
    let (mut waiting, mut log) = start();
    let said = until(&mut log, "waiting for it").await;
    let cause = said["cause"].as_str().unwrap();
    assert!(cause.starts_with("storage is unavailable: "), "{cause}");
    terminate(&mut waiting).await;

    let (mut waiting, mut log) = start();
    until(&mut log, "waiting for it").await;
    proxy.mend();
    until(&mut log, "listening").await;
    terminate(&mut waiting).await;
}

#[tokio::test]
async fn a_postgresql_that_is_read_only_is_served_from_if_nothing_is_to_be_migrated() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let read_only = format!(
        "alter database \"{}\" set default_transaction_read_only = on",
        database.name()
    );
    client.batch_execute(&read_only).await.unwrap();
    let mut served = serve(&database, &[]).await;
    let _ = served.client.get("/products").await.expect(200);
    terminate(&mut served.process).await;

    let pending = "
        set default_transaction_read_only = off;
        delete from refinery_schema_history
        where version = (select max(version) from refinery_schema_history)";
    client.batch_execute(pending).await.unwrap();
    let ended = run(balcao(&database, &["serve"]), "").await;
    assert_eq!(ended.status.code(), Some(1));
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("read-only"), "{told}");
}

#[tokio::test]
async fn a_postgresql_that_refuses_is_not_waited_for() {
    let database = TestDatabase::empty().await;
    let mut server = balcao(&database, &["serve"]);
    server.env("DATABASE_URL", format!("{}-not", database.url()));
    server.env("DATABASE_POOLING", "direct");
    let ended = run(server, "").await;
    assert_eq!(ended.status.code(), Some(1));
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("does not exist"), "{told}");
}

/// An order of a unit under this key.
pub(super) fn under(buyer: &Client, key: &str, product: &str) -> RequestBuilder {
    let body = json!({"itens": [{"product_id": product, "quantidade": 1}]});
    let request = buyer.request("POST", "/orders").json(&body);
    request.header("idempotency-key", key)
}

/// Places orders under keys of its own until the server is gone, and says which keys were asked
/// for and which of them were answered.
pub(super) async fn storm(
    buyer: Client,
    name: usize,
    product: String,
) -> (Vec<String>, Vec<String>) {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    loop {
        let key = format!("key-{name}-{}", asked.len());
        asked.push(key.clone());
        match under(&buyer, &key, &product).send().await {
            Ok(response) => {
                assert_eq!(response.status().as_u16(), 201);
                answered.push(key);
            }
            Err(_) => return (asked, answered),
        }
    }
}

#[tokio::test]
async fn after_a_kill_in_a_storm_every_key_has_exactly_one_order() {
    const STOCK: i64 = 1_000_000;
    let database = TestDatabase::empty().await;
    let mut server = serve(&database, &[]).await;
    let anonymous = &server.client;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = anonymous.logged_in("boss@example.com").await;
    let product = boss.product("1.00", STOCK).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = anonymous.post("/customers", &sign_up).await.expect(201);
    let ana = anonymous.logged_in("ana@example.com").await;

    let storms = (0..16).map(|name| tokio::spawn(storm(ana.clone(), name, product.clone())));
    let storms: Vec<_> = storms.collect();
    let watcher = database.client().await;
    eventually("the storm is in full swing", || async {
        let orders = watcher
            .query_one("select count(*) from orders", &[])
            .await
            .unwrap();
        orders.get::<_, i64>(0) > 200
    })
    .await;
    server.process.start_kill().unwrap();
    server.process.wait().await.unwrap();

    let mut server = serve(&database, &[]).await;
    let ana = ana.at(&server.client);
    let mut keys = 0;
    for storm in storms {
        let (asked, answered) = storm.await.unwrap();
        keys += i64::try_from(asked.len()).unwrap();
        for key in asked {
            let answer = Answer::to(under(&ana, &key, &product)).await.expect(201);
            if answered.contains(&key) {
                assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{key}");
            }
        }
    }
    let counted = "
        select (select count(*) from orders),
               (select count(*) from idempotency_keys),
               (select quantidade_disponivel + (select sum(quantidade) from itens_order) from stock)";
    let counted = watcher.query_one(counted, &[]).await.unwrap();
    assert_eq!(
        (counted.get::<_, i64>(0), counted.get::<_, i64>(1)),
        (keys, keys)
    );
    assert_eq!(counted.get::<_, i64>(2), STOCK);
    server.process.start_kill().unwrap();
    server.process.wait().await.unwrap();
}

#[tokio::test]
async fn what_a_killed_server_could_not_tell_redis_any_more_is_seen_by_others() {
    let (database, redis) = (TestDatabase::empty().await, PrivateRedis::start().await);
    let wire = Proxy::to(redis.addr()).await;
    let serve = |url: String| {
        let mut command = balcao(&database, &["serve", "--redis-url", &url]);
        let patient = [
            ("REDIS_TIMEOUT_MS", "1000"),
            ("HTTP_ANSWER_TIMEOUT_MS", "10000"),
        ];
        command.envs(patient);
        serve_by(command)
    };
    let mut other = serve(redis.url()).await;
    let mut server = serve(wire.url()).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = other.client.logged_in("boss@example.com").await;
    let product = boss.product("1.00", 3).await;
    let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = other.client.post("/customers", &sign_up).await.expect(201);
    let ana = other.client.logged_in("ana@example.com").await;
    let order = ana.order(&product, 1).await.expect(201).id();
    let path = format!("/orders/{order}");
    // Redis has it as pending.
    let _ = ana.get(&path).await.expect(200);

    // It has written nothing there yet, and gets no connection for that.
    wire.hold();
    let there = server.client.logged_in("boss@example.com").await;
    let pay = tokio::spawn({
        let path = path.clone();
        async move {
            let pay = there.request("PUT", &path).json(&json!({"status": "paid"}));
            // It may be told of it, or not any more.
            let _ = pay.send().await;
        }
    });
    let sql = database.client().await;
    eventually("it is paid", || async {
        let paid = "select exists (select from orders where status = 'paid')";
        sql.query_one(paid, &[]).await.unwrap().get(0)
    })
    .await;
    server.process.kill().await.unwrap();
    pay.await.unwrap();
    eventually("the other one shows it", || async {
        ana.get(&path).await.body["status"] == "paid"
    })
    .await;
    terminate(&mut other.process).await;
}

#[tokio::test]
async fn a_password_that_was_reset_logs_in_and_the_one_before_does_not() {
    let database = TestDatabase::migrated().await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), "a password of before\n").await);
    let reset = async |email: &str| {
        let args = [
            "user",
            "reset-password",
            "--email",
            email,
            "--password-stdin",
        ];
        run(balcao(&database, &args), "quite another password\n").await
    };
    assert_eq!(
        stdout(&reset("Boss@Example.com").await),
        "boss@example.com logs in as admin with the new password"
    );
    let refused = reset("nobody@example.com").await;
    assert!(!refused.status.success());
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr).trim_end(),
        "balcao: there is no account with this address"
    );
    let mut served = serve(&database, &[]).await;
    let log_in = async |password: &str| {
        let body = json!({"email": "boss@example.com", "password": password});
        served.client.post("/auth/login", &body).await
    };
    let _ = log_in("quite another password").await.expect(200);
    let _ = log_in("a password of before")
        .await
        .expect_problem(401, "wrong_credentials");
    terminate(&mut served.process).await;
}

#[tokio::test]
async fn redis_is_reached_over_tls() {
    let database = TestDatabase::empty().await;
    let authority = Authority::default();
    let redis = TlsProxy::to_redis(&authority).await;
    for (trusted, is_up) in [(Some(authority.root()), "up"), (None, "down")] {
        let mut command = balcao(&database, &["serve", "--redis-url", &redis.redis_url()]);
        command.envs(trusted.map(|root| ("SSL_CERT_FILE", root)));
        let mut server = serve_by(command).await;
        eventually("it knows whether Redis is up", || async {
            server.client.get("/readyz").await.expect(200).body["redis"] == is_up
        })
        .await;
        terminate(&mut server.process).await;
    }
}

#[tokio::test]
async fn a_server_that_is_about_to_stop_says_so_and_goes_on_until_then() {
    let database = TestDatabase::empty().await;
    let delay = ["--http-shutdown-delay-seconds", "300"];
    let mut server = serve(&database, &delay).await;
    signal(&server.process, "-TERM").await;
    eventually("it says so", || async {
        server.client.get("/readyz").await.status == 503
    })
    .await;
    let _ = server.client.get("/livez").await.expect(200);
    let _ = server.client.get("/products").await.expect(200);
    // Whoever cannot wait sends another one.
    terminate(&mut server.process).await;
}
