//! How long to wait before a Redis that has failed is tried.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Waits that double each time it fails soon after it was up again: one that takes some connections and refuses
/// others is done without most of the time, in place of being left and used again several times a second.
pub(crate) struct Backoff(Mutex<State>);

struct State {
    wait: Duration,
    up_since: Option<Instant>,
}

/// How long it takes for whatever is restarted to be there, and what is waited for at first.
const LEAST: Duration = Duration::from_millis(250);

/// Not longer: without Redis everything is slower.
const MOST: Duration = Duration::from_secs(4);

/// Whatever was up for less has failed for the same reason, presumably.
const SOON: Duration = Duration::from_secs(10);

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State {
            wait: LEAST,
            up_since: None,
        }))
    }

    /// How long to wait, now that it has failed.
    pub(crate) fn failed(&self, now: Instant) -> Duration {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = state.up_since.take();
        state.wait = match since.map(|since| now.duration_since(since)) {
            Some(up_for) if up_for < SOON => MOST.min(state.wait * 2),
            _ => LEAST,
        };
        state.wait
    }

    /// It is up again.
    pub(crate) fn up(&self, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.up_since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_less_and_less_and_what_lasted_at_once() {
        let backoff = Backoff::new();
        let mut now = Instant::now();
        let mut waited = Vec::new();
        for _ in 0..6 {
            waited.push(backoff.failed(now).as_millis());
            backoff.up(now);
            now += SOON / 2;
        }
        assert_eq!(waited, [250, 500, 1_000, 2_000, 4_000, 4_000]);
        now += SOON;
        assert_eq!(backoff.failed(now), LEAST);
    }
}
