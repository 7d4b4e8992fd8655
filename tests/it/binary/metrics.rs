//! What Prometheus is told.

use std::collections::HashMap;

use futures_util::future::join_all;
use integration_tests::{Client, PASSWORD, PrivateRedis, TestDatabase, eventually, free_addr};
use serde_json::json;

use super::{CREATE_BOSS, balcao, run, serve, serve_by, stdout, terminate};

/// The samples of a page in Prometheus' text format, each under its name and labels as written.
async fn scrape(metrics: &Client) -> HashMap<String, f64> {
    let answer = metrics.request("GET", "/metrics").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let media_type = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        media_type.starts_with("text/plain; version=0.0.4"),
        "{media_type}"
    );
    let text = answer.text().await.unwrap();
    let samples = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    samples.map(sample).collect()
}

/// What is counted of the story below.
const COUNTED: [(&str, f64); 19] = [
    (
        r#"balcao_http_requests_total{method="POST",route="/orders",status="201"}"#,
        1.0,
    ),
    (
        r#"balcao_http_requests_total{method="POST",route="/orders",status="409"}"#,
        1.0,
    ),
    (
        r#"balcao_http_requests_total{method="GET",route="/orders/{id}",status="200"}"#,
        2.0,
    ),
    (
        r#"balcao_http_requests_total{method="GET",route="(none)",status="404"}"#,
        1.0,
    ),
    (
        r#"balcao_http_request_duration_seconds_count{method="POST",route="/orders"}"#,
        2.0,
    ),
    (r#"balcao_problems_total{code="insufficient_stock"}"#, 1.0),
    (r#"balcao_problems_total{code="route_not_found"}"#, 1.0),
    ("balcao_orders_placed_total", 1.0),
    ("balcao_batch_orders_sum", 1.0),
    (r#"balcao_batch_orders_bucket{le="1"}"#, 1.0),
    (
        r#"balcao_cache_reads_total{cache="orders",result="miss"}"#,
        1.0,
    ),
    (
        r#"balcao_cache_reads_total{cache="orders",result="hit"}"#,
        1.0,
    ),
    (
        r#"balcao_password_duration_seconds_count{work="check"}"#,
        3.0,
    ),
    (r#"balcao_logins_total{result="ok"}"#, 2.0),
    (r#"balcao_logins_total{result="wrong"}"#, 1.0),
    (r#"balcao_passwords_waiting{work="check"}"#, 0.0),
    (r#"balcao_desk_queued{queue="orders"}"#, 0.0),
    (r#"balcao_desk_wait_seconds_count{queue="orders"}"#, 2.0),
    (r#"balcao_postgresql_waiting{pool="desk"}"#, 0.0),
];

#[tokio::test]
async fn what_happens_is_counted() {
    let database = TestDatabase::empty().await;
    let metrics_addr = free_addr().await;
    let args = ["--metrics-addr", &metrics_addr.to_string()];
    let mut server = serve(&database, &args).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = server.client.logged_in("boss@example.com").await;
    let product = boss.product("1.00", 3).await;
    let ana = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = server.client.post("/customers", &ana).await.expect(201);
    let ana = server.client.logged_in("ana@example.com").await;
    let order = ana.order(&product, 2).await.expect(201).id();
    let _ = ana
        .order(&product, 2)
        .await
        .expect_problem(409, "insufficient_stock");
    for _ in 0..2 {
        let _ = ana.get(&format!("/orders/{order}")).await.expect(200);
    }
    let _ = server.client.get("/nowhere").await.expect(404);
    let wrong = json!({"email": "ana@example.com", "password": "not hers at all"});
    let _ = server.client.post("/auth/login", &wrong).await.expect(401);

    let metrics = Client::new(metrics_addr);
    let samples = scrape(&metrics).await;
    for (name, value) in COUNTED {
        assert_eq!(samples.get(name), Some(&value), "{name}: {samples:#?}");
    }
    assert!(samples[r#"balcao_postgresql_connections{pool="desk",state="idle"}"#] >= 1.0);
    assert!(samples["process_resident_memory_bytes"] > 1e6);
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn how_long_orders_wait_is_shown_also_of_those_that_wait_for_a_product() {
    let database = TestDatabase::empty().await;
    let metrics_addr = free_addr().await;
    let mut server = serve(&database, &["--metrics-addr", &metrics_addr.to_string()]).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = server.client.logged_in("boss@example.com").await;
    let product = boss.product("1.00", 9).await;
    let ana = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = server.client.post("/customers", &ana).await.expect(201);
    let ana = server.client.logged_in("ana@example.com").await;
    let metrics = Client::new(metrics_addr);
    let shows = async |name: &str, value: f64| {
        eventually(name, async || {
            scrape(&metrics)
                .await
                .get(name)
                .copied()
                .unwrap_or_default()
                .to_bits()
                == value.to_bits()
        })
        .await;
    };

    let mut other = database.client().await;
    let holds = other.transaction().await.unwrap();
    holds
        .batch_execute("select from stock for update")
        .await
        .unwrap();
    let orders = join_all((0..3).map(|_| ana.order(&product, 1)));
    let (orders, ()) = tokio::join!(orders, async {
        shows(r#"balcao_desk_queued{queue="lanes"}"#, 3.0).await;
        holds.rollback().await.unwrap();
    });
    for order in orders {
        let _ = order.expect(201);
    }
    shows(r#"balcao_desk_queued{queue="lanes"}"#, 0.0).await;
    shows(r#"balcao_desk_wait_seconds_count{queue="lanes"}"#, 3.0).await;
    assert!(scrape(&metrics).await[r#"balcao_desk_wait_seconds_sum{queue="lanes"}"#] > 0.0);
    assert!(scrape(&metrics).await["balcao_http_connections"] >= 1.0);
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn how_redis_fares_is_shown() {
    let (database, mut redis) = (TestDatabase::empty().await, PrivateRedis::start().await);
    let metrics_addr = free_addr().await;
    let (metrics_arg, redis_url) = (metrics_addr.to_string(), redis.url());
    let args = ["--metrics-addr", &metrics_arg, "--redis-url", &redis_url];
    let mut server = serve(&database, &args).await;
    let metrics = Client::new(metrics_addr);
    let shows = async |up: f64, breaker: f64, closed: f64| {
        eventually("Redis is as it should be", || async {
            let samples = scrape(&metrics).await;
            let shown = |name| samples[name].to_bits();
            shown("balcao_redis_up") == up.to_bits()
                && shown("balcao_redis_breaker_open") == breaker.to_bits()
                && shown("balcao_redis_closed") == closed.to_bits()
        })
        .await;
    };
    shows(1.0, 0.0, 0.0).await;

    // Somebody has told Redis of a later version than the one that is read.
    let ana = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let customer = server
        .client
        .post("/customers", &ana)
        .await
        .expect(201)
        .id();
    let ana = server.client.logged_in("ana@example.com").await;
    let path = format!("/customers/{customer}");
    let _ = ana.get(&path).await.expect(200);
    let make_all_later = "
        for _, key in ipairs(redis.call('KEYS', '*customer*')) do
            local server = string.match(redis.call('GET', key), '^%d+@%x+:')
            redis.call('SET', key, server .. '99:')
        end
        return 'OK'";
    redis.raw.ok(&["EVAL", make_all_later, "0"]).await;
    let _ = ana.get(&path).await.expect(200);
    eventually("what is older is not stored", || async {
        scrape(&metrics).await["balcao_cache_stale_total"] >= 1.0
    })
    .await;

    redis.kill().await;
    let edit = json!({"nome": "Ana Lima"});
    let _ = ana.patch(&path, "*", &edit).await.expect(200);
    shows(0.0, 1.0, 1.0).await;
    redis.start_again().await;
    shows(1.0, 0.0, 0.0).await;
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn a_connection_that_has_died_is_shown_no_more() {
    let database = TestDatabase::empty().await;
    let metrics_addr = free_addr().await;
    let mut command = balcao(
        &database,
        &["serve", "--metrics-addr", &metrics_addr.to_string()],
    );
    // A pooler in between lets nobody know that its own have died.
    command.env("DATABASE_URL", database.url());
    command.env("DATABASE_POOLING", "direct");
    let mut server = serve_by(command).await;
    let metrics = Client::new(metrics_addr);
    let customer = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = server
        .client
        .post("/customers", &customer)
        .await
        .expect(201);
    let idle = r#"balcao_postgresql_connections{pool="changes",state="idle"}"#;
    assert!(scrape(&metrics).await[idle] >= 1.0);
    let end = "
        select pg_terminate_backend(pid)
        from pg_stat_activity
        where datname = current_database() and application_name = 'balcao'";
    database.client().await.batch_execute(end).await.unwrap();
    eventually("they are gone", || async {
        scrape(&metrics).await[idle] < 1.0
    })
    .await;
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn no_caller_can_make_up_new_series() {
    let database = TestDatabase::empty().await;
    let metrics_addr = free_addr().await;
    let args = ["--metrics-addr", &metrics_addr.to_string()];
    let mut server = serve(&database, &args).await;
    let metrics = Client::new(metrics_addr);
    let mut series = Vec::new();
    for (method, id) in [("BREW", "1"), ("STEEP", "2")] {
        for path in ["nowhere", "orders", "products"] {
            let path = format!("/{path}/{id}?{id}={id}");
            let _ = server.client.request(method, &path).send().await.unwrap();
        }
        let mut names: Vec<_> = scrape(&metrics).await.into_keys().collect();
        names.sort();
        series.push(names);
    }
    assert_eq!(series[0], series[1]);
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn callers_of_the_api_see_no_metrics() {
    let database = TestDatabase::empty().await;
    let metrics_addr = free_addr().await.to_string();
    for args in [&["--metrics-addr", &metrics_addr][..], &[]] {
        let mut server = serve(&database, args).await;
        let _ = server.client.get("/metrics").await.expect(404);
        terminate(&mut server.process).await;
    }
}
