//! The desk over HTTP: full, interrupted, and after a crash of PostgreSQL's sessions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use domain::orders::DeskSettings;
use futures_util::future::join_all;
use integration_tests::{Answer, Caches, Client, Shop};
use serde_json::json;

async fn place(client: &Client, key: &str, product: &str) -> Answer {
    let body = json!({"itens": [{"product_id": product, "quantidade": 1}]});
    let request = client
        .request("POST", "/orders")
        .header("idempotency-key", key);
    Answer::to(request.json(&body)).await
}

#[tokio::test]
async fn a_full_queue_answers_503_at_once_and_takes_orders_again_when_it_has_drained() {
    let desk = DeskSettings {
        workers: 1,
        max_batch: 1,
        min_parallel_batch: 1,
        max_queued: 1,
        max_lanes: 1,
        patience: time::Duration::milliseconds(1_500),
    };
    let shop = Shop::opened_with(Caches::InProcess, |settings| settings.desk = desk).await;
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    let _ = ana.order(&product, 1).await.expect(201);

    // The clerk has to wait for this lock, and everybody behind the clerk.
    let holder = shop.database.client().await;
    holder
        .batch_execute("begin; select id from stock for update")
        .await
        .unwrap();
    let is_held = Arc::new(AtomicBool::new(true));
    let waiting = (0..4).map(|_| {
        let (ana, product) = (ana.clone(), product.clone());
        let is_held = Arc::clone(&is_held);
        tokio::spawn(async move {
            while is_held.load(Ordering::Relaxed) {
                let answer = ana.order(&product, 1).await;
                assert!(matches!(answer.status, 201 | 503), "{}", answer.body);
            }
        })
    });
    let waiting: Vec<_> = waiting.collect();
    integration_tests::eventually("one is turned away", || async {
        let start = Instant::now();
        let answer = tokio::time::timeout(Duration::from_secs(1), ana.order(&product, 1)).await;
        // It may have become one of those that wait.
        let Ok(answer) = answer else { return false };
        let answer = answer.expect_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(start.elapsed() < Duration::from_secs(1));
        true
    })
    .await;
    holder.batch_execute("rollback").await.unwrap();
    is_held.store(false, Ordering::Relaxed);
    join_all(waiting).await.into_iter().for_each(Result::unwrap);
    integration_tests::eventually("it takes orders again", || async {
        ana.order(&product, 1).await.status == 201
    })
    .await;
}

#[tokio::test]
async fn sessions_that_are_cut_off_in_the_middle_lose_nobodys_order() {
    let shop = Shop::open().await;
    let product = shop.product("1.00", 10_000).await;
    let (ana, _) = shop.customer().await;

    let storm = (0..16).map(|buyer| {
        let (ana, product) = (ana.clone(), product.clone());
        tokio::spawn(async move {
            for n in 0..30 {
                let key = format!("key-{buyer}-{n}");
                // Whoever is not told asks again, under the same key.
                integration_tests::eventually("it is placed", || async {
                    match place(&ana, &key, &product).await.status {
                        201 => true,
                        503 => false,
                        other => panic!("{other}"),
                    }
                })
                .await;
            }
        })
    });
    let storm: Vec<_> = storm.collect();
    let cutter = shop.database.client().await;
    let cut = "
        select pg_terminate_backend(pid)
        from pg_stat_activity
        where datname = current_database() and application_name = 'balcao'";
    while !storm.iter().all(tokio::task::JoinHandle::is_finished) {
        cutter.batch_execute(cut).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    join_all(storm).await.into_iter().for_each(Result::unwrap);
    assert_eq!(shop.available(&product).await, 10_000 - 16 * 30);
    let orders = cutter
        .query_one("select count(*) from orders", &[])
        .await
        .unwrap();
    assert_eq!(orders.get::<_, i64>(0), 16 * 30);
}
