//! Two servers over one database and one Redis.

use adapters_postgres::DatabaseSettings;
use integration_tests::{Caches, Proxy, Shop};
use serde_json::json;

#[tokio::test]
async fn a_status_changed_at_one_server_is_seen_at_once_at_the_other() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let staff_there = shop.staff.at(&there.anonymous());
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    for _ in 0..20 {
        let placed = ana.order(&product, 1).await.expect(201);
        let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
        for (writer, reader, status) in [
            (&shop.staff, &staff_there, "paid"),
            (&staff_there, &shop.staff, "shipped"),
            (&shop.staff, &staff_there, "delivered"),
        ] {
            // Both have it in the cache.
            let _ = reader.get(&path).await.expect(200);
            let _ = writer
                .put(&path, &json!({"status": status}))
                .await
                .expect(200);
            let seen = reader.get(&path).await.expect(200);
            assert_eq!(seen.body["status"], status);
        }
    }
}

#[tokio::test]
async fn readers_of_an_order_never_see_it_go_back() {
    let shop = Shop::with(Caches::redis()).await;
    let there = shop.replica();
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    for _ in 0..10 {
        let placed = ana.order(&product, 1).await.expect(201);
        let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
        let (done, is_done) = tokio::sync::watch::channel(false);
        let readers = [shop.anonymous(), there.anonymous()].map(|server| {
            let (reader, path, is_done) = (ana.at(&server), path.clone(), is_done.clone());
            tokio::spawn(async move {
                let mut newest = 0;
                while !*is_done.borrow() {
                    let seen = reader.get(&path).await.expect(200);
                    let version = seen.body["version"].as_i64().unwrap();
                    assert!(version >= newest, "version {version} after {newest}");
                    newest = version;
                }
            })
        });
        for status in ["paid", "shipped", "delivered"] {
            let _ = shop
                .staff
                .put(&path, &json!({"status": status}))
                .await
                .expect(200);
        }
        done.send_replace(true);
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_asks_after_a_change_is_not_answered_by_a_load_that_began_before_it() {
    // Without Redis: each server has a cache of its own.
    let shop = Shop::open().await;
    let wire = Proxy::to_database(&shop.database).await;
    let there = shop.replica_with(|settings| {
        let url = wire.database_url(&shop.database);
        settings.database = DatabaseSettings::parse(&url, 8).unwrap();
    });
    let product = shop.product("1.00", 99).await;
    let (ana, _) = shop.customer().await;
    let order = || async {
        let placed = ana.order(&product, 1).await.expect(201);
        format!("/orders/{}", placed.body["id"].as_str().unwrap())
    };
    let path = order().await;
    let ana_there = ana.at(&there.anonymous());
    // Its connections are open, and what reads an order is prepared.
    let others = futures_util::future::join_all((0..16).map(|_| order())).await;
    let reads = others.iter().map(|other| ana_there.get(other));
    futures_util::future::join_all(reads).await;

    wire.hold();
    let read = || {
        let (ana_there, path) = (ana_there.clone(), path.clone());
        tokio::spawn(async move { ana_there.get(&path).await.expect(200).body })
    };
    let before = read();
    // PostgreSQL has answered, and the server has not heard it yet.
    wire.holds_back(1).await;
    let paid = shop.staff.put(&path, &json!({"status": "paid"})).await;
    let _ = paid.expect(200);
    let mut after = read();
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut after).await;
    assert!(early.is_err(), "nobody is answered yet");
    wire.let_go();
    assert_eq!(before.await.unwrap()["status"], "pending");
    assert_eq!(after.await.unwrap()["status"], "paid");
}
