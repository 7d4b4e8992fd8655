//! Failed attempts, counted in Redis for all replicas; while it is down, by each for itself.

use std::{sync::LazyLock, time::Duration as StdDuration};

use async_trait::async_trait;
use deadpool_redis::redis::Script;
use domain::{
    identity::{FailedAttempts, FailedAttemptsHere, FailureLimit},
    rate_limits::{WINDOW, window},
};
use time::{Duration, OffsetDateTime};

use crate::{entries::FORMAT, redis_cache::Redis};

/// For each limit a counter of the current window and one of that before. Counts in all of the
/// current windows, and returns nothing; or, if one more were too many for a limit, counts nothing and
/// returns what was counted.
///
/// `ARGV`: what is left of the window, and its length, in milliseconds; then the limits.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local left, window = tonumber(ARGV[1]), tonumber(ARGV[2])
        local counted, is_over = {}, false
        for i = 1, #KEYS, 2 do
            local current = tonumber(redis.call('GET', KEYS[i]) or 0)
            local before = tonumber(redis.call('GET', KEYS[i + 1]) or 0)
            local others = tonumber(ARGV[2 + (i + 1) / 2]) - current - 1
            is_over = is_over or others < 0 or before * left > others * window
            table.insert(counted, before)
            table.insert(counted, current)
        end
        if is_over then
            return counted
        end
        for i = 1, #KEYS, 2 do
            redis.call('INCR', KEYS[i])
            redis.call('PEXPIRE', KEYS[i], 2 * window)
        end
        return {}
        ",
    )
});

/// Takes one from the counter of each current window, or of that before.
static FORGIVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        for i = 1, #KEYS, 2 do
            for n = i, i + 1 do
                if tonumber(redis.call('GET', KEYS[n]) or 0) > 0 then
                    redis.call('DECR', KEYS[n])
                    break
                end
            end
        end
        return 0
        ",
    )
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

    /// The counters of these limits in the current window, and in that before.
    fn keys(&self, limits: &[FailureLimit], window: i64) -> Vec<String> {
        let namespace = &self.redis.namespace;
        let key = |limit: &FailureLimit, window| {
            format!("{namespace}:{FORMAT}:failed:{:016x}:{window}", limit.key)
        };
        limits
            .iter()
            .flat_map(|limit| [key(limit, window), key(limit, window - 1)])
            .collect()
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
        let mut begin = BEGIN.prepare_invoke();
        for key in self.keys(limits, number) {
            begin.key(key);
        }
        begin.arg(milliseconds(left)).arg(milliseconds(WINDOW));
        for limit in limits {
            begin.arg(limit.failures);
        }
        let Some(counted): Option<Vec<u32>> = self.redis.store.run(&begin).await else {
            return self.here.begin(limits, now).await;
        };
        let counted = counted.chunks_exact(2).zip(limits);
        let waits = counted.filter_map(|(counted, limit)| match counted {
            [before, current] => limit.wait(*before, *current, left),
            _ => None,
        });
        waits.max().map_or(Ok(()), Err)
    }

    async fn forgive(&self, limits: &[FailureLimit], now: OffsetDateTime) {
        let (number, _) = window(now);
        let mut forgive = FORGIVE.prepare_invoke();
        for key in self.keys(limits, number) {
            forgive.key(key);
        }
        let forgiven: Option<u32> = self.redis.store.run(&forgive).await;
        if forgiven.is_none() {
            self.here.forgive(limits, now).await;
        }
    }
}
