//! What replicas have counted for rate limits, added up in Redis.

use async_trait::async_trait;
use deadpool_redis::redis::{Pipeline, cmd};
use domain::rate_limits::{Counted, Increment, SharedCounts, WINDOW, WindowNumber};

use crate::{entries::FORMAT, redis_cache::Redis};

/// The most keys in one message: Redis does nothing else meanwhile.
const MAX_KEYS: usize = 1_000;

/// Adds counts up in Redis: a hash for each window, which lives for two windows.
pub struct RedisSharedCounts {
    redis: Redis,
}

impl RedisSharedCounts {
    /// Counts in this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    fn key(&self, window: WindowNumber) -> String {
        format!("{}:{FORMAT}:rate:{window}", self.redis.namespace)
    }

    async fn add_some(&self, window: WindowNumber, counts: &[Increment]) -> Option<Vec<Counted>> {
        let store = &self.redis.store;
        let (now, earlier) = (self.key(window), self.key(window - 1));
        let mut add = Pipeline::with_capacity(counts.len() + 1);
        let mut ask = cmd("HMGET");
        ask.arg(&earlier);
        for Increment { key, count } in counts {
            add.hincr(&now, key, *count);
            ask.arg(key);
        }
        add.expire(&now, 2 * WINDOW.whole_seconds()).ignore();
        // What was added is not to be added again: so this comes first.
        let (before,): (Vec<Option<u32>>,) = store
            .query(&earlier, Pipeline::new().add_command(ask))
            .await?;
        let current: Vec<u32> = store.query(&now, &add).await?;
        let counted = current.into_iter().zip(before);
        let counted = counted.map(|(current, before)| Counted {
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
