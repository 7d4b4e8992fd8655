//! What replicas have counted for rate limits, added up in Redis.

use async_trait::async_trait;
use deadpool_redis::redis::Pipeline;
use domain::rate_limits::{Counted, Increment, SharedCounts, WINDOW, WindowNumber};

use crate::{entries::FORMAT, redis_cache::Redis};

/// The most keys in one message: Redis does nothing else meanwhile.
const MAX_KEYS: usize = 1_000;

/// Adds counts up in Redis: a counter for each key and window, which lives for two windows.
pub struct RedisSharedCounts {
    redis: Redis,
}

impl RedisSharedCounts {
    /// Counts in this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    fn key(&self, key: u64, window: WindowNumber) -> String {
        let namespace = &self.redis.namespace;
        format!("{namespace}:{FORMAT}:rate:{key:016x}:{window}")
    }

    async fn add_some(&self, window: WindowNumber, counts: &[Increment]) -> Option<Vec<Counted>> {
        let mut pipeline = Pipeline::new();
        for Increment { key, count } in counts {
            let current = self.key(*key, window);
            pipeline.incr(&current, *count);
            pipeline
                .expire(&current, 2 * WINDOW.whole_seconds())
                .ignore();
            pipeline.get(self.key(*key, window - 1));
        }
        let counted: Vec<(u32, Option<u32>)> = self.redis.store.query(&pipeline).await?;
        let counted = counted.into_iter().map(|(current, before)| Counted {
            before: before.unwrap_or(0),
            current,
        });
        Some(counted.collect())
    }
}

#[async_trait]
impl SharedCounts for RedisSharedCounts {
    async fn add(&self, window: WindowNumber, counts: &[Increment]) -> Option<Vec<Counted>> {
        let mut counted = Vec::with_capacity(counts.len());
        for some in counts.chunks(MAX_KEYS) {
            counted.extend(self.add_some(window, some).await?);
        }
        Some(counted)
    }
}
