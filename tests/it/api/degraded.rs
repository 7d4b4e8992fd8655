//! Without Redis, and without PostgreSQL.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use integration_tests::{Caches, PASSWORD, PrivatePostgres, Proxy, Shop};
use serde_json::json;

#[tokio::test]
async fn without_redis_everything_is_answered_from_postgresql() {
    let proxy = Proxy::to_redis().await;
    let shop = Shop::with(Caches::that_may_be_away(&proxy.url())).await;
    let product = shop.product("1.00", 99).await;
    let (ana, ana_id) = shop.customer().await;
    let placed = ana.order(&product, 1).await.expect(201);
    let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    let ready = shop.anonymous().get("/readyz").await.expect(200);
    assert_eq!(ready.body["redis"], "up");

    proxy.cut();
    let start = Instant::now();
    for _ in 0..20 {
        let _ = ana.get(&path).await.expect(200);
        let _ = ana.get(&format!("/customers/{ana_id}")).await.expect(200);
        let _ = shop
            .anonymous()
            .get("/products/best-sellers")
            .await
            .expect(200);
        let _ = ana.order(&product, 1).await.expect(201);
    }
    // Eighty requests that each waited would take forty seconds.
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    let ready = shop.anonymous().get("/readyz").await.expect(200);
    assert_eq!(
        (&ready.body["status"], &ready.body["redis"]),
        (&json!("ready"), &json!("down"))
    );

    proxy.mend();
    integration_tests::eventually("Redis is used again", || async {
        shop.anonymous().get("/readyz").await.body["redis"] == "up"
    })
    .await;
    let _ = ana.get(&path).await.expect(200);
}

#[tokio::test]
async fn what_changed_while_redis_was_away_is_not_old_when_it_is_back() {
    let proxy = Proxy::to_redis().await;
    let shop = Shop::with(Caches::that_may_be_away(&proxy.url())).await;
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    let placed = ana.order(&product, 1).await.expect(201);
    let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    // Redis has it as pending.
    let _ = ana.get(&path).await.expect(200);

    proxy.cut();
    let _ = shop
        .staff
        .put(&path, &json!({"status": "paid"}))
        .await
        .expect(200);
    assert_eq!(ana.get(&path).await.expect(200).body["status"], "paid");
    proxy.mend();
    integration_tests::eventually("Redis is used again", || async {
        // Never old, whether Redis is back already or not.
        assert_eq!(ana.get(&path).await.expect(200).body["status"], "paid");
        shop.anonymous().get("/readyz").await.body["redis"] == "up"
    })
    .await;
    assert_eq!(ana.get(&path).await.expect(200).body["status"], "paid");
    // A server that was not there learns it from the same Redis.
    let later = shop.replica();
    let seen = ana.at(&later.anonymous()).get(&path).await.expect(200);
    assert_eq!(seen.body["status"], "paid");
}

#[tokio::test]
async fn what_a_replica_cannot_write_to_redis_is_old_at_no_other() {
    let proxy = Proxy::to_redis().await;
    let shop = Shop::with(Caches::that_may_be_away(&proxy.url())).await;
    let other = shop.replica_with(|settings| {
        if let (Some(redis), Caches::Redis(directly)) = (&mut settings.redis, Caches::redis()) {
            redis.url = directly.url;
        }
    });
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    let placed = ana.order(&product, 1).await.expect(201);
    let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
    let at_the_other = ana.at(&other.anonymous());
    let seen = at_the_other.get(&path).await.expect(200);
    assert_eq!(seen.body["status"], "pending");

    proxy.cut();
    for status in ["paid", "shipped"] {
        let changed = shop.staff.put(&path, &json!({ "status": status })).await;
        let _ = changed.expect(200);
        let seen = at_the_other.get(&path).await.expect(200);
        assert_eq!(seen.body["status"], status);
    }
    proxy.mend();
    integration_tests::eventually("Redis is used again", || async {
        let seen = at_the_other.get(&path).await.expect(200);
        assert_eq!(seen.body["status"], "shipped");
        shop.anonymous().get("/readyz").await.body["redis"] == "up"
    })
    .await;
    let database = shop.database.client().await;
    integration_tests::eventually("nobody keeps it closed", || async {
        let closures = database.query("select from cache_closures", &[]).await;
        closures.unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn however_many_change_something_when_redis_goes_away_none_waits_for_another() {
    let proxy = Proxy::to_redis().await;
    let shop = Shop::with(Caches::that_may_be_away(&proxy.url())).await;
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    let mut paths = Vec::new();
    for _ in 0..24 {
        paths.push(format!(
            "/orders/{}",
            ana.order(&product, 1).await.expect(201).id()
        ));
    }
    proxy.cut();
    let cancel = json!({"status": "cancelled"});
    let cancelled = paths.iter().map(|path| ana.put(path, &cancel));
    for cancelled in join_all(cancelled).await {
        let _ = cancelled.expect(200);
    }
}

#[tokio::test]
async fn a_server_starts_without_its_redis() {
    let shop = Shop::with(Caches::redis_at("redis://127.0.0.1:1")).await;
    let product = shop.product("1.00", 9).await;
    let (ana, _) = shop.customer().await;
    let _ = ana.order(&product, 1).await.expect(201);
}

#[tokio::test]
async fn who_signs_up_while_a_standby_is_away_keeps_nobody_from_reading() {
    let postgres = PrivatePostgres::start().await;
    let shop = Shop::on(&postgres).await;
    let product = format!("/products/{}", shop.product("1.00", 9).await);
    let (ana, ana_id) = shop.customer().await;
    let client = shop.database.client().await;
    let set = async |statement: &str| {
        for statement in [
            "set synchronous_commit = local",
            statement,
            "select pg_reload_conf()",
        ] {
            client.batch_execute(statement).await.unwrap();
        }
    };
    let sign_up = async |n: usize| {
        let email = format!("new-{n}@example.com");
        let body = json!({"nome": "Ana", "email": email, "password": PASSWORD});
        shop.anonymous().post("/customers", &body).await
    };

    set("alter system set synchronous_standby_names = 'away'").await;
    // Its processes hear of that one after the other.
    integration_tests::eventually("commits wait for it", || async {
        let probe = shop.database.client().await;
        let write = "select pg_logical_emit_message(true, 'balcao', 'waits')";
        let commit = tokio::time::timeout(Duration::from_millis(300), probe.batch_execute(write));
        commit.await.is_err()
    })
    .await;
    let mut signing_up = pin!(join_all((0..8).map(sign_up)));
    let signed_up = loop {
        let read = async {
            let _ = shop.anonymous().get(&product).await.expect(200);
            let _ = ana.get(&format!("/customers/{ana_id}")).await.expect(200);
        };
        tokio::select! {
            signed_up = &mut signing_up => break signed_up,
            () = read => {}
        }
    };
    for answer in signed_up {
        let answer = answer.expect(503);
        assert!(answer.header("retry-after").is_some());
    }
    set("alter system reset synchronous_standby_names").await;
    integration_tests::eventually("customers sign up again", || async {
        sign_up(9).await.status != 503
    })
    .await;
}

#[tokio::test]
async fn without_postgresql_it_is_not_ready_and_says_when_to_come_back() {
    let Shop {
        server, database, ..
    } = Shop::open().await;
    let (ana, _) = server.customer().await;
    let _ = server.anonymous().get("/readyz").await.expect(200);
    // Gone for everybody but its owner.
    drop(database);
    let product = "/products/0192f0c1-2a3b-7c4d-8e5f-60718293a4b5";
    for answer in [
        server.anonymous().get("/readyz").await,
        server.anonymous().get(product).await,
        ana.order("0192f0c1-2a3b-7c4d-8e5f-60718293a4b5", 1).await,
    ] {
        let answer = answer.expect_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        let told = answer.body.to_string();
        assert!(
            !told.contains("database") && !told.contains("127.0.0.1"),
            "{told}"
        );
    }
    let _ = server.anonymous().get("/livez").await.expect(200);
}
