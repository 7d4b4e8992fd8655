//! Two servers over one database and one Redis.

use integration_tests::{Caches, TestDatabase, TestServer};
use serde_json::json;

#[tokio::test]
async fn a_status_changed_at_one_server_is_seen_at_once_at_the_other() {
    let database = TestDatabase::migrated().await;
    let caches = Caches::redis();
    let here = TestServer::start(&database, caches.clone());
    let there = TestServer::start(&database, caches);
    let staff = here.staff().await;
    let staff_there = staff.at(&there.anonymous());
    let product = staff.product("1.00", 99).await;
    let (ana, _) = here.customer().await;
    for _ in 0..20 {
        let placed = ana.order(&product, 1).await.expect(201);
        let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
        for (writer, reader, status) in [
            (&staff, &staff_there, "paid"),
            (&staff_there, &staff, "shipped"),
            (&staff, &staff_there, "delivered"),
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
    let database = TestDatabase::migrated().await;
    let caches = Caches::redis();
    let here = TestServer::start(&database, caches.clone());
    let there = TestServer::start(&database, caches);
    let staff = here.staff().await;
    let product = staff.product("1.00", 99).await;
    let (ana, _) = here.customer().await;
    for _ in 0..10 {
        let placed = ana.order(&product, 1).await.expect(201);
        let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let readers = [here.anonymous(), there.anonymous()].map(|server| {
            let (reader, path, stopped) = (ana.at(&server), path.clone(), stopped.clone());
            tokio::spawn(async move {
                let mut newest = 0;
                while !*stopped.borrow() {
                    let seen = reader.get(&path).await.expect(200);
                    let version = seen.body["version"].as_i64().unwrap();
                    assert!(version >= newest, "version {version} after {newest}");
                    newest = version;
                }
            })
        });
        for status in ["paid", "shipped", "delivered"] {
            let _ = staff
                .put(&path, &json!({"status": status}))
                .await
                .expect(200);
        }
        stop.send_replace(true);
        for reader in readers {
            reader.await.unwrap();
        }
    }
}
