//! Counting who fails, in bounded memory, so that whoever goes on failing is slowed down.

use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use super::recent::Recent;

/// Failures of the last minute, by a key that is a hash: a sliding window of two counters a key.
/// An attempt counts as failed from its beginning until it has succeeded, so that many at once
/// are no way around a limit.
pub(super) struct FailedAttempts(Mutex<Recent<u32>>);

/// How many failures of one key are one too many.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    /// Who or what is counted.
    pub(super) key: u64,
    /// The most failures in a [`WINDOW`].
    pub(super) failures: u32,
}

/// Over how long failures are counted.
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
    /// How long to wait, when it is one too many for one of them: it is not counted then.
    pub(super) fn begin(&self, limits: &[Limit], now: OffsetDateTime) -> Result<(), Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = counts.turn(now);
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

    /// Takes back what [`Self::begin`] counted: the attempt was none to be slowed down for.
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

/// How long one more attempt has to wait, if it has to. What failed in the window before counts
/// for as much of it as still lies within the last minute: `left` of it.
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
        // Not in this window; in the next one, what failed in this one is what failed before.
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
    fn who_waits_as_long_as_told_may_try_again_whenever_the_failures_were() {
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
