//! The caches.

use std::{sync::Arc, time::Duration};

use adapters_redis::{InProcessCache, InvalidRedisUrl, NearCache, Redis, RedisCache};
use domain::{
    cache::{Cache, Coordination},
    catalog::BestSellersList,
    customers::Customer,
    orders::Order,
};

use crate::{
    metrics::MeteredCache,
    settings::{Settings, TimesToLive},
};

/// The caches, and the Redis behind them if one is configured.
pub(super) struct Caches {
    pub(super) orders: Arc<dyn Cache<Order>>,
    pub(super) customers: Arc<dyn Cache<Customer>>,
    pub(super) best_sellers: Arc<dyn Cache<BestSellersList>>,
    pub(super) redis: Option<Redis>,
}

/// How long a list of best sellers is kept in this process, before Redis is asked again.
const NEAR_TTL: Duration = Duration::from_secs(1);

/// How many times longer than it counts as fresh the last list of best sellers is kept: it is
/// needed while the next one is calculated, and when that fails.
const KEPT_FOR: u32 = 20;

impl Caches {
    /// What replicas tell each other of their caches goes by `coordination`.
    pub(super) fn new(
        settings: &Settings,
        coordination: impl Coordination + 'static,
    ) -> Result<Self, InvalidRedisUrl> {
        let caches = Self::plain(settings, Arc::new(coordination))?;
        Ok(match settings.metrics_addr {
            Some(_) => caches.metered(),
            None => caches,
        })
    }

    fn plain(
        settings: &Settings,
        coordination: Arc<dyn Coordination>,
    ) -> Result<Self, InvalidRedisUrl> {
        let ttl = settings.cache_ttl;
        let Some(redis) = &settings.redis else {
            return Ok(Self::in_process(ttl));
        };
        let redis = Redis::new(redis, coordination, ttl.orders.max(ttl.customers))?;
        let lists = RedisCache::new(redis.clone(), ttl.best_sellers * KEPT_FOR).that_may_lag();
        Ok(Self {
            orders: Arc::new(RedisCache::new(redis.clone(), ttl.orders)),
            customers: Arc::new(RedisCache::new(redis.clone(), ttl.customers)),
            best_sellers: Arc::new(NearCache::new(Arc::new(lists), NEAR_TTL)),
            redis: Some(redis),
        })
    }

    /// The same, with what they find counted.
    fn metered(self) -> Self {
        Self {
            orders: Arc::new(MeteredCache::new(self.orders, "orders")),
            customers: Arc::new(MeteredCache::new(self.customers, "customers")),
            best_sellers: Arc::new(MeteredCache::new(self.best_sellers, "best_sellers")),
            redis: self.redis,
        }
    }

    pub(super) fn in_process(ttl: TimesToLive) -> Self {
        Self {
            orders: Arc::new(InProcessCache::new(ttl.orders)),
            customers: Arc::new(InProcessCache::new(ttl.customers)),
            best_sellers: Arc::new(InProcessCache::new(ttl.best_sellers * KEPT_FOR).that_may_lag()),
            redis: None,
        }
    }
}
