//! Two servers over one Redis.

use adapters_redis::RedisSettings;
use integration_tests::{Answer, Caches, Client, RawRedis, Shop, TestServer};
use serde_json::json;

/// Two servers over one Redis, and a customer.
pub(crate) struct Pair {
    /// Declared first, so that it has stopped before the shop drops the database.
    pub(crate) there: TestServer,
    pub(crate) shop: Shop,
    pub(crate) ana: Client,
    namespace: String,
}

impl Pair {
    pub(crate) async fn over(caches: Caches) -> Self {
        let Caches::Redis(RedisSettings { url, .. }) = &caches else {
            unreachable!("they are over Redis")
        };
        let url = url.clone();
        Self::over_two(caches, &url).await
    }

    /// The same, the second server of which goes to another Redis.
    pub(crate) async fn over_two(caches: Caches, other: &str) -> Self {
        let Caches::Redis(RedisSettings { namespace, .. }) = caches.clone() else {
            unreachable!("they are over Redis")
        };
        let shop = Shop::with(caches).await;
        let there = shop.replica_with(|settings| {
            if let Some(redis) = &mut settings.redis {
                other.clone_into(&mut redis.url);
            }
        });
        let (ana, _) = shop.customer().await;
        Self {
            there,
            shop,
            ana,
            namespace,
        }
    }

    /// An order that is in Redis, by its path.
    pub(crate) async fn order(&self) -> String {
        let product = self.shop.product("1.00", 99).await;
        let placed = self.ana.order(&product, 1).await.expect(201);
        let path = format!("/orders/{}", placed.body["id"].as_str().unwrap());
        let _ = self.ana.get(&path).await.expect(200);
        assert_eq!(self.there(&path).await.body["status"], "pending");
        path
    }

    pub(crate) async fn there(&self, path: &str) -> Answer {
        let there = self.ana.at(&self.there.anonymous());
        there.get(path).await.expect(200)
    }

    pub(crate) async fn pay(&self, path: &str) {
        let paid = self.shop.staff.put(path, &json!({"status": "paid"})).await;
        assert_eq!(paid.expect(200).body["status"], "paid");
    }

    pub(crate) async fn redis(&self) -> String {
        let ready = self.shop.anonymous().get("/readyz").await.expect(200);
        ready.body["redis"].as_str().unwrap().to_owned()
    }

    /// The key of an order in Redis.
    pub(crate) fn key_of(&self, path: &str) -> String {
        let id = path.trim_start_matches("/orders/");
        format!("{}:3:order:{id}", self.namespace)
    }

    /// The same, of one that is there.
    pub(crate) async fn key(&self, redis: &RawRedis, path: &str) -> String {
        let key = self.key_of(path);
        assert_eq!(redis.command(&["EXISTS", &key]).await, ":1", "{key}");
        key
    }

    /// How the entry of a key begins: with the server that stored it.
    pub(crate) async fn beginning(redis: &RawRedis, key: &str) -> String {
        let kept = redis.command(&["GET", key]).await;
        let (server, _) = kept.split_once(':').unwrap();
        format!("{server}:")
    }

    /// The same, of an order that is there.
    pub(crate) async fn beginning_of(&self, redis: &RawRedis, path: &str) -> String {
        let key = self.key(redis, path).await;
        Self::beginning(redis, &key).await
    }

    /// Whether both show an order like this.
    pub(crate) async fn shows(&self, path: &str, status: &str) {
        assert_eq!(self.there(path).await.body["status"], status);
        let here = self.ana.get(path).await.expect(200);
        assert_eq!(here.body["status"], status);
    }

    /// Changes an order at the second server.
    pub(crate) async fn change_there(&self, path: &str, status: &str) {
        let there = self.shop.staff.at(&self.there.anonymous());
        let changed = there.put(path, &json!({ "status": status })).await;
        assert_eq!(changed.expect(200).body["status"], status);
    }
}
