//! The limiter of a replica, and the port through which replicas share what they count.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use time::Duration;

use super::sliding_window::{WindowNumber, remaining, wait, window};
use crate::{
    Clock,
    identity::{Secret, TokenHash},
};

/// A limit on the requests of one caller in the last minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// What tells it from other limits.
    pub name: &'static str,
    /// The most requests in a [`super::WINDOW`].
    pub requests: u32,
}

/// What a caller may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The limit.
    pub limit: RateLimit,
    /// How many more requests it may send at this moment.
    pub remaining: u32,
    /// When the window ends, and more may be sent.
    pub resets_in: Duration,
}

/// The limit is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// What may be sent: nothing.
    pub quota: Quota,
    /// When one more may be sent.
    pub retry_after: Duration,
}

impl Exceeded {
    const fn of(limit: RateLimit, resets_in: Duration, retry_after: Duration) -> Self {
        Self {
            quota: Quota {
                limit,
                remaining: 0,
                resets_in,
            },
            retry_after,
        }
    }
}

/// What one replica has counted since it last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Increment {
    /// The hash of the limit and the caller.
    pub key: u64,
    /// How many requests.
    pub count: u32,
}

/// What all replicas have counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// In the window before.
    pub before: u32,
    /// In the current window.
    pub current: u32,
}

/// The counts of all replicas.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SharedCounts: Send + Sync {
    /// Adds to the counts of this window, and returns for each key, in the same sequence, what all
    /// replicas have counted. `None` when there is no telling: nothing was added then.
    async fn add(&self, window: WindowNumber, counts: &[Increment]) -> Option<Vec<Counted>>;
}

/// Counts requests, and refuses those beyond a limit. What is refused does not count.
///
/// No request waits for another replica: what they count is added to each other's by [`Self::share`],
/// from time to time, for callers who have spent a [`SHARED_FROM`]th of a limit. Between two times every
/// replica may let through what the others do not know yet.
pub struct RateLimiter {
    counts: Mutex<HashMap<u64, Count>>,
    shared: Option<Arc<dyn SharedCounts>>,
    clock: Arc<dyn Clock>,
    /// Callers are hashed with it, so that what is shared tells of nobody.
    pepper: Secret,
}

/// The share of a limit that a caller spends at a replica before the others are told: most callers
/// never come near, and cost nothing but memory.
const SHARED_FROM: u32 = 16;

/// The most callers that are counted. With more, those of before this minute are forgotten, and at last
/// everybody.
const MAX_KEYS: usize = 100_000;

#[derive(Clone, Copy)]
struct Count {
    window: WindowNumber,
    before: u32,
    current: u32,
    /// The part of `current` that the other replicas do not know.
    untold: u32,
    is_shared: bool,
}

impl Count {
    /// What is counted from this window on.
    fn advance(&mut self, window: WindowNumber) {
        if window != self.window {
            let before = if window == self.window + 1 {
                self.current
            } else {
                0
            };
            *self = Self {
                before,
                ..Self::new(window)
            };
        }
    }

    const fn new(window: WindowNumber) -> Self {
        Self {
            window,
            before: 0,
            current: 0,
            untold: 0,
            is_shared: false,
        }
    }
}

impl RateLimiter {
    /// Counts with the other replicas, or for itself when there is nothing to share through.
    #[must_use]
    pub fn new(
        shared: Option<Arc<dyn SharedCounts>>,
        clock: Arc<dyn Clock>,
        pepper: Secret,
    ) -> Self {
        Self {
            counts: Mutex::default(),
            shared,
            clock,
            pepper,
        }
    }

    /// Whether this caller may send another request, which is not counted.
    ///
    /// # Errors
    ///
    /// When the limit is exceeded.
    pub fn check(&self, limit: RateLimit, caller: &[u8]) -> Result<(), Exceeded> {
        let key = self.key(limit, caller);
        let (window, left) = window(self.clock.now());
        let mut counts = self.lock();
        let Some(count) = counts.get_mut(&key) else {
            return Ok(());
        };
        count.advance(window);
        match wait(count.before, count.current, limit.requests, left) {
            None => Ok(()),
            Some(retry_after) => Err(Exceeded::of(limit, left, retry_after)),
        }
    }

    fn key(&self, limit: RateLimit, caller: &[u8]) -> u64 {
        TokenHash::of(&[&self.pepper, limit.name.as_bytes(), caller]).short()
    }

    /// Counts a request of this caller.
    ///
    /// # Errors
    ///
    /// When the limit is exceeded.
    pub fn spend(&self, limit: RateLimit, caller: &[u8]) -> Result<Quota, Exceeded> {
        let key = self.key(limit, caller);
        let (window, left) = window(self.clock.now());
        let mut counts = self.lock();
        if counts.len() >= MAX_KEYS && !counts.contains_key(&key) {
            counts.retain(|_, count| count.window == window);
            if counts.len() >= MAX_KEYS {
                counts.clear();
            }
        }
        let count = counts.entry(key).or_insert(Count::new(window));
        count.advance(window);
        let most = limit.requests;
        let refused = wait(count.before, count.current, most, left);
        if refused.is_none() {
            count.current += 1;
            count.untold += 1;
        }
        let spent = count.before.saturating_add(count.current);
        count.is_shared |= spent.saturating_mul(SHARED_FROM) >= most;
        let quota = Quota {
            limit,
            remaining: remaining(count.before, count.current, most, left),
            resets_in: left,
        };
        match refused {
            None => Ok(quota),
            Some(retry_after) => Err(Exceeded::of(limit, left, retry_after)),
        }
    }

    /// Tells the other replicas what was counted, and learns what they have counted.
    pub async fn share(&self) {
        let Some(shared) = &self.shared else { return };
        let (window, _) = window(self.clock.now());
        let untold = self.take_untold(window);
        if untold.is_empty() {
            return;
        }
        let counted = shared.add(window, &untold).await;
        let mut counts = self.lock();
        for (nth, told) in untold.iter().enumerate() {
            let Some(count) = counts.get_mut(&told.key) else {
                continue;
            };
            if count.window != window {
                continue;
            }
            match counted.as_ref().and_then(|counted| counted.get(nth)) {
                Some(all) => {
                    count.before = all.before.max(count.before);
                    count.current = all.current.saturating_add(count.untold);
                }
                // They are told the next time.
                None => count.untold += told.count,
            }
        }
    }

    fn take_untold(&self, window: WindowNumber) -> Vec<Increment> {
        let mut counts = self.lock();
        let shared = counts
            .iter_mut()
            .filter(|(_, count)| count.window == window && count.is_shared && count.untold > 0);
        shared
            .map(|(key, count)| Increment {
                key: *key,
                count: std::mem::take(&mut count.untold),
            })
            .collect()
    }

    /// A poisoned lock is safe to use: a panic cannot have left the counts half written.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
