//! The caches in Redis, shared by every replica.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    Customer, CustomerId, Order, OrderId,
    ports::{BestSellersCache, BestSellersList, CustomerCache, OrderCache},
};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{
    entries::{BestSellersEntry, CustomerEntry, FORMAT, OrderEntry},
    in_process::InProcessCache,
    store::Store,
    times::TimesToLive,
};

/// The cache ports, in Redis.
pub struct RedisCache {
    store: Store,
    /// Lists of best sellers, for a moment: many read them, and they may be old.
    near: InProcessCache,
    namespace: String,
    ttl: TimesToLive,
}

/// How long a list of best sellers is kept in this process, on top of its time in Redis.
const NEAR_TTL: Duration = Duration::from_secs(1);

/// How to reach Redis, and how to use it.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// `redis://[user:password@]host:port[/database]`.
    pub url: String,
    /// The beginning of every key, for a Redis that others use too.
    pub namespace: String,
    /// The most connections for writing; reading takes one.
    pub max_connections: usize,
    /// How long to wait for an answer before doing without.
    pub timeout: Duration,
    /// How long entries live.
    pub ttl: TimesToLive,
}

/// The URL does not name a Redis. The error does not repeat it: it may hold a password.
#[derive(Debug, Error)]
#[error("is not a Redis URL such as redis://host:6379")]
pub struct InvalidRedisUrl;

impl RedisCache {
    /// Makes the connections' set-up; nothing is connected yet. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the URL does not name a Redis.
    pub fn new(settings: RedisSettings) -> Result<Self, InvalidRedisUrl> {
        let probe = format!("{}:{FORMAT}:probe", settings.namespace);
        let RedisSettings {
            url,
            max_connections,
            timeout,
            ..
        } = &settings;
        let store =
            Store::new(url, *max_connections, *timeout, probe).map_err(|_| InvalidRedisUrl)?;
        let near = InProcessCache::new(TimesToLive {
            best_sellers: NEAR_TTL,
            ..settings.ttl
        });
        Ok(Self {
            store,
            near,
            namespace: settings.namespace,
            ttl: settings.ttl,
        })
    }

    /// Checks that a URL names a Redis, without reaching for it.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn check_url(url: &str) -> Result<(), InvalidRedisUrl> {
        deadpool_redis::redis::IntoConnectionInfo::into_connection_info(url)
            .map(|_| ())
            .map_err(|_| InvalidRedisUrl)
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> bool {
        self.store.ping().await
    }

    fn key(&self, kind: &str, id: impl std::fmt::Display) -> String {
        format!("{}:{FORMAT}:{kind}:{id}", self.namespace)
    }

    /// Reads an entry. One that cannot be understood, or is not what the key stands for in the
    /// version that it says it has, is none of ours: a miss, and removed.
    async fn read<E, T>(
        &self,
        key: String,
        stands_for: impl Fn(&E) -> bool,
        version: impl Fn(&T) -> i64,
    ) -> Option<Arc<T>>
    where
        E: DeserializeOwned + TryInto<T>,
    {
        let kept = self.store.get(&key).await?;
        let entry = postcard::from_bytes::<E>(kept.body()).ok();
        let value = entry
            .filter(stands_for)
            .and_then(|entry| entry.try_into().ok())
            .filter(|value| version(value) == kept.version);
        if value.is_none() {
            self.store.remove(&key, &kept).await;
        }
        value.map(Arc::new)
    }

    async fn write(&self, key: String, version: i64, entry: impl Serialize + Send, ttl: Duration) {
        match postcard::to_stdvec(&entry) {
            Ok(body) => self.store.put(&key, version, &body, ttl).await,
            Err(error) => tracing::error!(%error, key, "an entity cannot be cached"),
        }
    }
}

#[async_trait]
impl OrderCache for RedisCache {
    async fn get(&self, id: OrderId) -> Option<Arc<Order>> {
        let is_this = |entry: &OrderEntry| entry.id == id.as_uuid();
        let version = |order: &Order| order.version.number();
        self.read(self.key("order", id), is_this, version).await
    }

    async fn put(&self, order: Arc<Order>) {
        let (key, version) = (self.key("order", order.id), order.version.number());
        self.write(key, version, OrderEntry::from(&*order), self.ttl.orders)
            .await;
    }
}

#[async_trait]
impl CustomerCache for RedisCache {
    async fn get(&self, id: CustomerId) -> Option<Arc<Customer>> {
        let is_this = |entry: &CustomerEntry| entry.id == id.as_uuid();
        let version = |customer: &Customer| customer.version.number();
        self.read(self.key("customer", id), is_this, version).await
    }

    async fn put(&self, customer: Arc<Customer>) {
        let (key, version) = (self.key("customer", customer.id), customer.version.number());
        let entry = CustomerEntry::from(&*customer);
        self.write(key, version, entry, self.ttl.customers).await;
    }
}

#[async_trait]
impl BestSellersCache for RedisCache {
    async fn get(&self, days: u16) -> Option<Arc<BestSellersList>> {
        if let Some(list) = BestSellersCache::get(&self.near, days).await {
            return Some(list);
        }
        let is_this = |entry: &BestSellersEntry| entry.days == days;
        let key = self.key("best-sellers", days);
        let list = self.read(key, is_this, version_of).await?;
        BestSellersCache::put(&self.near, days, Arc::clone(&list)).await;
        Some(list)
    }

    async fn put(&self, days: u16, list: Arc<BestSellersList>) {
        BestSellersCache::put(&self.near, days, Arc::clone(&list)).await;
        let key = self.key("best-sellers", days);
        let entry = BestSellersEntry::new(days, &list);
        self.write(key, version_of(&list), entry, self.ttl.best_sellers)
            .await;
    }
}

/// A list's version is its moment, in microseconds since 1970.
fn version_of(list: &BestSellersList) -> i64 {
    let microseconds = list.as_of.unix_timestamp_nanos() / 1_000;
    i64::try_from(microseconds).unwrap_or(i64::MAX)
}
