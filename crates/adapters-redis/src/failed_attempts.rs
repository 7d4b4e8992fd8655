//! Failed attempts, counted in Redis for all replicas; while it is down, by each for itself.

use std::{sync::LazyLock, time::Duration as StdDuration};

use async_trait::async_trait;
use deadpool_redis::redis::{Pipeline, cmd};
use domain::{
    identity::{FailedAttempts, FailedAttemptsHere, FailureLimit},
    rate_limits::{WINDOW, window},
};
use time::{Duration, OffsetDateTime};

use crate::{entries::FORMAT, redis_cache::Redis, scripts::Lua};

/// Counts for every limit in the current window, and returns nothing; or, if one more were too many for a limit,
/// counts nothing and returns what was counted for each.
///
/// `ARGV`: what is left of the window, and its length, in milliseconds; then of each limit its key, how many failures
/// it allows, and what was counted in the window before.
static BEGIN: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[r"
        local left, window = tonumber(ARGV[1]), tonumber(ARGV[2])
        local counted, is_over = {}, false
        for i = 3, #ARGV, 3 do
            local current = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
            local others = tonumber(ARGV[i + 1]) - current - 1
            is_over = is_over or others < 0 or tonumber(ARGV[i + 2]) * left > others * window
            table.insert(counted, current)
        end
        if is_over then
            return counted
        end
        for i = 3, #ARGV, 3 do
            redis.call('HINCRBY', KEYS[1], ARGV[i], 1)
        end
        redis.call('PEXPIRE', KEYS[1], 2 * window)
        return {}
        "])
});

/// Takes one from what was counted for each of `ARGV`, and returns those for which nothing was.
static FORGIVE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[r"
        local left = {}
        for _, key in ipairs(ARGV) do
            if tonumber(redis.call('HGET', KEYS[1], key) or 0) > 0 then
                redis.call('HINCRBY', KEYS[1], key, -1)
            else
                table.insert(left, key)
            end
        end
        return left
        "])
});

/// Counts failed attempts in Redis.
pub struct RedisFailedAttempts {
    redis: Redis,
    here: FailedAttemptsHere,
}

impl RedisFailedAttempts {
    /// Counts in this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self {
            redis,
            here: FailedAttemptsHere::default(),
        }
    }

    /// What was counted in a window.
    fn key(&self, window: i64) -> String {
        format!("{}:{FORMAT}:failed:{window}", self.redis.namespace)
    }

    async fn counted(&self, limits: &[FailureLimit], window: i64) -> Option<Vec<u32>> {
        let key = self.key(window);
        let mut ask = cmd("HMGET");
        ask.arg(&key);
        for limit in limits {
            ask.arg(limit.key);
        }
        let asked = Pipeline::new().add_command(ask).to_owned();
        let (counted,): (Vec<Option<u32>>,) = self.redis.store.query(&key, &asked).await?;
        Some(counted.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Counts in a window, after what was counted in that before; or returns what was counted in both, when
    /// that would be too many.
    async fn count(
        &self,
        limits: &[FailureLimit],
        (window, left): (i64, Duration),
    ) -> Option<Vec<(u32, u32)>> {
        let before = self.counted(limits, window - 1).await?;
        let key = self.key(window);
        let mut begin = BEGIN.key(&key);
        begin.arg(milliseconds(left)).arg(milliseconds(WINDOW));
        for (limit, before) in limits.iter().zip(&before) {
            begin.arg(limit.key).arg(limit.failures).arg(before);
        }
        let current: Vec<u32> = self.redis.store.run(&key, &begin).await?;
        Some(before.into_iter().zip(current).collect())
    }

    /// Takes one from what was counted in a window, and returns for which of the keys nothing was.
    async fn take(&self, keys: &[u64], window: i64) -> Option<Vec<u64>> {
        let key = self.key(window);
        let mut forgive = FORGIVE.key(&key);
        forgive.arg(keys);
        self.redis.store.run(&key, &forgive).await
    }
}

fn milliseconds(duration: Duration) -> u64 {
    let duration = StdDuration::try_from(duration).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[async_trait]
impl FailedAttempts for RedisFailedAttempts {
    async fn begin(&self, limits: &[FailureLimit], now: OffsetDateTime) -> Result<(), Duration> {
        let (number, left) = window(now);
        let Some(counted) = self.count(limits, (number, left)).await else {
            return self.here.begin(limits, now).await;
        };
        let counted = counted.into_iter().zip(limits);
        let waits =
            counted.filter_map(|((before, current), limit)| limit.wait(before, current, left));
        waits.max().map_or(Ok(()), Err)
    }

    async fn forgive(&self, limits: &[FailureLimit], now: OffsetDateTime) {
        let (number, _) = window(now);
        let keys: Vec<u64> = limits.iter().map(|limit| limit.key).collect();
        let forgiven = match self.take(&keys, number).await {
            Some(left) if left.is_empty() => Some(left),
            Some(left) => self.take(&left, number - 1).await,
            None => None,
        };
        if forgiven.is_none() {
            self.here.forgive(limits, now).await;
        }
    }
}
