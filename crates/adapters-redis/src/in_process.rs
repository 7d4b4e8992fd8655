//! The caches in this process: what serves when there is no Redis. Other replicas do not see
//! them, so without Redis there should be one replica.

use std::{
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::{
    Customer, CustomerId, Order, OrderId,
    ports::{BestSellersCache, BestSellersList, CustomerCache, OrderCache},
};
use moka::{
    Expiry,
    ops::compute::Op,
    sync::{Cache, CacheBuilder},
};

use crate::times::{TimesToLive, jittered};

/// How many entries of each kind are kept at most.
const MAX_ENTRIES: u64 = 100_000;

/// The cache ports, in this process.
pub struct InProcessCache {
    orders: Cache<OrderId, Arc<Order>>,
    customers: Cache<CustomerId, Arc<Customer>>,
    best_sellers: Cache<u16, Arc<BestSellersList>>,
}

impl InProcessCache {
    /// An empty cache.
    #[must_use]
    pub fn new(ttl: TimesToLive) -> Self {
        Self {
            orders: cache(ttl.orders),
            customers: cache(ttl.customers),
            best_sellers: cache(ttl.best_sellers),
        }
    }
}

#[async_trait]
impl OrderCache for InProcessCache {
    async fn get(&self, id: OrderId) -> Option<Arc<Order>> {
        self.orders.get(&id)
    }

    async fn put(&self, order: Arc<Order>) {
        keep_newer(&self.orders, order.id, order, |order| order.version);
    }
}

#[async_trait]
impl CustomerCache for InProcessCache {
    async fn get(&self, id: CustomerId) -> Option<Arc<Customer>> {
        self.customers.get(&id)
    }

    async fn put(&self, customer: Arc<Customer>) {
        keep_newer(&self.customers, customer.id, customer, |customer| {
            customer.version
        });
    }
}

#[async_trait]
impl BestSellersCache for InProcessCache {
    async fn get(&self, days: u16) -> Option<Arc<BestSellersList>> {
        self.best_sellers.get(&days)
    }

    async fn put(&self, days: u16, list: Arc<BestSellersList>) {
        keep_newer(&self.best_sellers, days, list, |list| list.as_of);
    }
}

fn cache<K, V>(ttl: Duration) -> Cache<K, Arc<V>>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    CacheBuilder::new(MAX_ENTRIES)
        .expire_after(Jittered(ttl))
        .build()
}

/// Puts `value` in unless what is there is newer, in one step.
fn keep_newer<K, V, T: Ord>(
    cache: &Cache<K, Arc<V>>,
    key: K,
    value: Arc<V>,
    version: impl Fn(&V) -> T,
) where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    cache.entry(key).and_compute_with(|kept| match kept {
        Some(kept) if version(kept.value()) > version(&value) => Op::Nop,
        _ => Op::Put(value),
    });
}

/// Entries live for this time, give or take a tenth, from their last writing.
struct Jittered(Duration);

impl<K, V> Expiry<K, V> for Jittered {
    fn expire_after_create(&self, _: &K, _: &V, _: Instant) -> Option<Duration> {
        Some(jittered(self.0))
    }

    fn expire_after_update(
        &self,
        _: &K,
        _: &V,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(jittered(self.0))
    }
}
