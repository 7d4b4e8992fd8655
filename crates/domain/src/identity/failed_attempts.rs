//! Rate limits on failed attempts, in bounded memory.

use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use super::recent::Recent;

/// The failures of the last minute, by a key that is a hash: a sliding window with two counters per
/// key. An attempt counts as failed from its beginning until it succeeds, so that parallel attempts
/// cannot bypass a limit.
pub(super) struct FailedAttempts(Mutex<Recent<u32>>);

/// The limit on the failures of one key.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    /// The hash of what is counted.
    pub(super) key: u64,
    /// The most failures in a [`WINDOW`].
    pub(super) failures: u32,
}

/// The period over which failures are counted.
const WINDOW: Duration = Duration::MINUTE;

/// The most keys that are counted in a window.
const MAX_KEYS: usize = 100_000;

impl FailedAttempts {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Recent::new(WINDOW, MAX_KEYS)))
    }

    /// Counts an attempt against every limit.
    ///
    /// # Errors
    ///
    /// How long to wait, when it exceeds one of them; then it counts against none.
    pub(super) fn begin(&self, limits: &[Limit], now: OffsetDateTime) -> Result<(), Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = counts.rotate(now);
        let mut wait = |limit: &Limit| {
            let before = counts.before().get(&limit.key).copied();
            let current = counts.now().get(&limit.key).copied();
            let (before, current) = (before.unwrap_or(0), current.unwrap_or(0));
            wait(before, current, limit.failures, WINDOW - passed)
        };
        if let Some(longest) = limits.iter().filter_map(&mut wait).max() {
            return Err(longest);
        }
        for limit in limits {
            *counts.now().entry(limit.key).or_default() += 1;
        }
        Ok(())
    }

    /// Undoes the count of [`Self::begin`], because the attempt did not fail.
    pub(super) fn forgive(&self, limits: &[Limit]) {
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

/// How long one more attempt has to wait, if at all. The failures of the previous window count in
/// proportion to the part of it that lies within the last minute: `left`.
fn wait(before: u32, current: u32, most: u32, left: Duration) -> Option<Duration> {
    let room = |before_counts: u32, current: u32| {
        let others = most.checked_sub(current + 1)?;
        // `before` times what is left must be at most `others` times the window.
        Some(match before_counts {
            0 => WINDOW,
            before => WINDOW * others / before,
        })
    };
    match room(before, current) {
        Some(room) if left <= room => None,
        Some(room) => Some(left - room),
        // Not in this window. In the next one, the failures of this window are those of the
        // previous one.
        None => room(current, 0).map(|room| left + WINDOW - room.min(WINDOW)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::now;

    fn limit(key: u64) -> [Limit; 1] {
        [Limit { key, failures: 3 }]
    }

    #[test]
    fn who_fails_too_often_waits_and_nobody_else_does() {
        let attempts = FailedAttempts::new();
        for _ in 0..3 {
            assert!(attempts.begin(&limit(1), now()).is_ok());
        }
        let wait = attempts.begin(&limit(1), now()).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= WINDOW * 2, "{wait}");
        assert!(attempts.begin(&limit(2), now()).is_ok());
        assert!(attempts.begin(&limit(1), now() + wait).is_ok(), "{wait}");
    }

    #[test]
    fn a_client_that_waits_as_long_as_required_may_try_again_whenever_the_failures_were() {
        for second in [0, 1, 20, 30, 59] {
            let attempts = FailedAttempts::new();
            attempts.begin(&limit(9), now()).unwrap();
            let failing = now() + Duration::seconds(second);
            for _ in 0..3 {
                attempts.begin(&limit(1), failing).unwrap();
            }
            let wait = attempts.begin(&limit(1), failing).unwrap_err();
            assert!(attempts.begin(&limit(1), failing + wait / 2).is_err());
            assert!(attempts.begin(&limit(1), failing + wait).is_ok());
        }
    }

    #[test]
    fn what_succeeds_does_not_count() {
        let attempts = FailedAttempts::new();
        for _ in 0..100 {
            attempts.begin(&limit(1), now()).unwrap();
            attempts.forgive(&limit(1));
        }
    }

    #[test]
    fn an_attempt_that_one_limit_refuses_counts_against_none() {
        let attempts = FailedAttempts::new();
        let both = [limit(1)[0], limit(2)[0]];
        for _ in 0..3 {
            attempts.begin(&limit(1), now()).unwrap();
        }
        for _ in 0..10 {
            assert!(attempts.begin(&both, now()).is_err());
        }
        assert!(attempts.begin(&limit(2), now()).is_ok());
    }
}
