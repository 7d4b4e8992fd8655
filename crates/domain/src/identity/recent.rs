//! Recent values, in bounded memory.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

/// Values by key, each kept for one to two windows of time. With too many keys a window ends early:
/// the oldest values are forgotten first.
pub(super) struct Recent<V> {
    window: Duration,
    max_keys: usize,
    began: OffsetDateTime,
    now: HashMap<u64, V>,
    before: HashMap<u64, V>,
}

impl<V> Recent<V> {
    pub(super) fn new(window: Duration, max_keys: usize) -> Self {
        Self {
            window,
            max_keys,
            began: OffsetDateTime::UNIX_EPOCH,
            now: HashMap::new(),
            before: HashMap::new(),
        }
    }

    /// Begins a new window when the current one is over or full, and returns the age of the current
    /// one.
    pub(super) fn rotate(&mut self, now: OffsetDateTime) -> Duration {
        let age = now - self.began;
        if age >= self.window * 2 {
            self.before = HashMap::new();
            self.now = HashMap::new();
            self.began = now;
        } else if age >= self.window || self.now.len() >= self.max_keys {
            self.before = std::mem::take(&mut self.now);
            self.began = if age >= self.window {
                self.began + self.window
            } else {
                now
            };
        }
        now - self.began
    }

    /// The values of the current window.
    pub(super) fn now(&mut self) -> &mut HashMap<u64, V> {
        &mut self.now
    }

    /// The values of the previous window.
    pub(super) fn before(&mut self) -> &mut HashMap<u64, V> {
        &mut self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::now;

    #[test]
    fn what_is_known_is_kept_for_a_window_and_then_forgotten() {
        let mut recent = Recent::new(Duration::MINUTE, 10);
        recent.rotate(now());
        recent.now().insert(1, "lately");
        recent.rotate(now() + Duration::seconds(90));
        assert_eq!(recent.before().get(&1), Some(&"lately"));
        recent.rotate(now() + Duration::seconds(120));
        assert!(recent.before().is_empty() && recent.now().is_empty());
    }

    #[test]
    fn memory_is_bounded_however_many_keys_there_are() {
        let mut recent = Recent::new(Duration::MINUTE, 10);
        for key in 0..1_000 {
            recent.rotate(now());
            recent.now().insert(key, ());
        }
        assert!(recent.now().len() <= 10 && recent.before().len() <= 10);
        assert!(recent.now().contains_key(&999));
    }
}
