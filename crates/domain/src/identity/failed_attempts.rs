//! Rate limits on failed attempts: the port, and the limits of one process, in bounded memory.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};

use super::recent::Recent;
use crate::rate_limits::{WINDOW, wait};

/// Counts failed attempts. An attempt counts as failed from its beginning until it succeeds, so that
/// parallel attempts cannot bypass a limit.
#[async_trait]
pub trait FailedAttempts: Send + Sync {
    /// Counts an attempt against every limit. It cannot fail: what cannot be counted where it should
    /// be MUST be counted elsewhere.
    ///
    /// # Errors
    ///
    /// How long to wait, when it exceeds one of them; then it counts against none.
    async fn begin(&self, limits: &[FailureLimit], now: OffsetDateTime) -> Result<(), Duration>;

    /// Undoes the count of [`Self::begin`], because the attempt did not fail.
    async fn forgive(&self, limits: &[FailureLimit], now: OffsetDateTime);
}

/// The limit on the failures of one key in the last minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureLimit {
    /// The hash of what is counted.
    pub key: u64,
    /// The most failures in a [`WINDOW`].
    pub failures: u32,
}

/// The failures of the last minute in this process, by a key that is a hash: a sliding window with two
/// counters per key.
pub struct FailedAttemptsHere(Mutex<Recent<u32>>);

/// The most keys that are counted in a window.
const MAX_KEYS: usize = 100_000;

impl FailureLimit {
    /// How long one more attempt has to wait, if at all, after so many failures in the window before
    /// the current one and in the current one, of which this much is left.
    #[must_use]
    pub fn wait(&self, before: u32, current: u32, left: Duration) -> Option<Duration> {
        wait(before, current, self.failures, left)
    }
}

impl Default for FailedAttemptsHere {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(WINDOW, MAX_KEYS)))
    }
}

#[async_trait]
impl FailedAttempts for FailedAttemptsHere {
    async fn begin(&self, limits: &[FailureLimit], now: OffsetDateTime) -> Result<(), Duration> {
        self.count(limits, now)
    }

    async fn forgive(&self, limits: &[FailureLimit], _: OffsetDateTime) {
        self.uncount(limits);
    }
}

impl FailedAttemptsHere {
    fn count(&self, limits: &[FailureLimit], now: OffsetDateTime) -> Result<(), Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = counts.rotate(now);
        let mut wait = |limit: &FailureLimit| {
            let before = counts.before().get(&limit.key).copied();
            let current = counts.now().get(&limit.key).copied();
            let (before, current) = (before.unwrap_or(0), current.unwrap_or(0));
            limit.wait(before, current, WINDOW - passed)
        };
        if let Some(longest) = limits.iter().filter_map(&mut wait).max() {
            return Err(longest);
        }
        for limit in limits {
            *counts.now().entry(limit.key).or_default() += 1;
        }
        Ok(())
    }

    fn uncount(&self, limits: &[FailureLimit]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for limit in limits {
            if let Some(count @ 1..) = counts.now().get_mut(&limit.key) {
                *count -= 1;
            } else if let Some(count @ 1..) = counts.before().get_mut(&limit.key) {
                *count -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::now;

    fn limit(key: u64) -> [FailureLimit; 1] {
        [FailureLimit { key, failures: 3 }]
    }

    #[test]
    fn who_fails_too_often_waits_and_nobody_else_does() {
        let attempts = FailedAttemptsHere::default();
        for _ in 0..3 {
            assert!(attempts.count(&limit(1), now()).is_ok());
        }
        let wait = attempts.count(&limit(1), now()).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= WINDOW * 2, "{wait}");
        assert!(attempts.count(&limit(2), now()).is_ok());
        assert!(attempts.count(&limit(1), now() + wait).is_ok(), "{wait}");
    }

    #[test]
    fn a_client_that_waits_as_long_as_required_may_try_again_whenever_the_failures_were() {
        for second in [0, 1, 20, 30, 59] {
            let attempts = FailedAttemptsHere::default();
            attempts.count(&limit(9), now()).unwrap();
            let failing = now() + Duration::seconds(second);
            for _ in 0..3 {
                attempts.count(&limit(1), failing).unwrap();
            }
            let wait = attempts.count(&limit(1), failing).unwrap_err();
            assert!(attempts.count(&limit(1), failing + wait / 2).is_err());
            assert!(attempts.count(&limit(1), failing + wait).is_ok());
        }
    }

    #[test]
    fn what_succeeds_does_not_count() {
        let attempts = FailedAttemptsHere::default();
        for _ in 0..100 {
            attempts.count(&limit(1), now()).unwrap();
            attempts.uncount(&limit(1));
        }
    }

    #[test]
    fn an_attempt_that_one_limit_refuses_counts_against_none() {
        let attempts = FailedAttemptsHere::default();
        let both = [limit(1)[0], limit(2)[0]];
        for _ in 0..3 {
            attempts.count(&limit(1), now()).unwrap();
        }
        for _ in 0..10 {
            assert!(attempts.count(&both, now()).is_err());
        }
        assert!(attempts.count(&limit(2), now()).is_ok());
    }
}
