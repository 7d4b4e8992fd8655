//! The paper's cart invariant, as far as there is a cart: an order and its items are one thing, and
//! what becomes of it is one history.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use integration_tests::{Answer, Client};
use serde_json::{Value, json};

use super::{Race, count, order_of, path_of};

const ILLEGAL: (u16, &str) = (409, "illegal_transition");

async fn go(client: &Client, order: &str, status: &str) -> Answer {
    client.put(order, &json!({"status": status})).await
}

#[tokio::test]
async fn units_of_an_order_that_many_cancel_at_once_come_back_once() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    for _ in 0..6 {
        let product = race.shop.product("1.00", 7).await;
        let order = path_of(&ana.order(&product, 4).await.expect(201));
        let cancellers = (0..10).map(|n| match n % 3 {
            0 => race.at(&race.shop.staff, n),
            _ => race.at(&ana, n),
        });
        let cancellers: Vec<_> = cancellers.collect();
        let cancelled = join_all(cancellers.iter().map(|who| go(who, &order, "cancelled"))).await;
        for answer in cancelled {
            let answer = answer.expect(200);
            assert_eq!(
                (&answer.body["status"], &answer.body["version"]),
                (&json!("cancelled"), &json!(2))
            );
        }
        assert_eq!(race.shop.available(&product).await, 7);
    }
    race.everything_holds().await;
}

#[tokio::test]
async fn an_order_that_is_paid_shipped_and_cancelled_at_once_has_one_history() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let staff = race.each(&race.shop.staff, 2);
    let product = race.shop.product("1.00", 99).await;
    let mut ends = BTreeSet::new();
    for round in 0..16 {
        let order = path_of(&ana.order(&product, 2).await.expect(201));
        if round % 2 == 0 {
            let _ = go(&staff[0], &order, "paid").await.expect(200);
        }
        let asked = join_all([
            go(&staff[0], &order, "shipped"),
            go(&staff[1], &order, "cancelled"),
            go(&staff[1], &order, "paid"),
            go(&ana, &order, "cancelled"),
            go(&staff[0], &order, "paid"),
            go(&staff[1], &order, "shipped"),
        ])
        .await;
        // Each version is one status, whoever was told of it.
        let made = asked.iter().filter(|answer| answer.status == 200);
        let version = |answer: &Answer| answer.body["version"].as_i64().unwrap();
        let status = |answer: &Answer| answer.body["status"].as_str().unwrap().to_owned();
        let made: BTreeSet<_> = made
            .map(|answer| (version(answer), status(answer)))
            .collect();
        let versions: BTreeSet<_> = made.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions.len(), made.len(), "{made:?}");
        // Customers are refused what is no longer pending.
        count(asked, 200, &[ILLEGAL, (403, "forbidden")]);
        for reader in race.each(&ana, 2) {
            let seen = reader.get(&order).await.expect(200);
            assert_eq!((version(&seen), status(&seen)), *made.last().unwrap());
        }
        ends.insert(made.last().unwrap().1.clone());
    }
    race.everything_holds().await;
    assert!(!ends.is_empty());
}

#[tokio::test]
async fn orders_that_name_products_in_opposite_ways_and_cancellations_wait_in_no_circle() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let (first, second) = (
        race.shop.product("1.00", 999).await,
        race.shop.product("1.00", 999).await,
    );
    let buyers = race.each(&ana, 20);
    let bought = buyers.iter().enumerate().map(|(n, buyer)| {
        let lines = match n / 2 % 2 {
            0 => [(&first, 1), (&second, 1)],
            _ => [(&second, 1), (&first, 1)],
        };
        async move {
            for turn in 0..4 {
                let placed = buyer.post("/orders", &order_of(&lines)).await.expect(201);
                if turn % 2 == 0 {
                    let _ = go(buyer, &path_of(&placed), "cancelled").await.expect(200);
                }
            }
        }
    });
    join_all(bought).await;
    assert_eq!(race.shop.available(&first).await, 999 - 40);
    assert_eq!(race.shop.available(&second).await, 999 - 40);
    race.everything_holds().await;
}

/// Whether an order is as it was placed: two items, and their sum.
fn is_whole(order: &Value) -> bool {
    let items = order["itens"].as_array().unwrap();
    items.len() == 2 && order["total"] == "8.00"
}

#[tokio::test]
async fn who_reads_while_others_order_and_cancel_sees_whole_orders() {
    let race = Race::begin().await;
    let (ana, _) = race.shop.customer().await;
    let (tea, cup) = (
        race.shop.product("2.00", 999).await,
        race.shop.product("3.00", 999).await,
    );
    let buyers = race.each(&ana, 8);
    let bought = join_all(buyers.iter().map(async |buyer| {
        for turn in 0..6 {
            let body = order_of(&[(&tea, 1), (&cup, 2)]);
            let placed = buyer.post("/orders", &body).await.expect(201);
            if turn % 2 == 0 {
                let _ = go(buyer, &path_of(&placed), "cancelled").await.expect(200);
            }
        }
    }));
    let readers = race.each(&race.shop.staff, 4);
    let read = join_all(readers.iter().map(async |reader| {
        let mut seen = 0;
        for _ in 0..12 {
            let list = reader.get("/orders?limit=100").await.expect(200);
            let export = reader
                .request("GET", "/orders/export")
                .header("accept", "application/x-ndjson");
            let export = Answer::to(export).await.expect(200);
            let lines = export.body.as_str().unwrap_or_default().lines();
            let exported = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
            for order in list.items().iter().cloned().chain(exported) {
                assert!(is_whole(&order), "{order}");
                seen += 1;
            }
        }
        seen
    }));
    let (_, seen) = join(bought, read).await;
    assert!(seen.iter().sum::<usize>() > 0);
    race.everything_holds().await;
}
