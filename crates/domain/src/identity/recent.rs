//! Remembering what was lately, in bounded memory.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

/// What is known of keys, for one window of time to two. With too many keys a window ends early:
/// what is forgotten first is what was longest ago.
pub(super) struct Recent<V> {
    window: Duration,
    max_keys: usize,
    began: OffsetDateTime,
    now: HashMap<u64, V>,
    before: HashMap<u64, V>,
}

impl<V> Recent<V> {
    /// Nothing is known yet.
    pub(super) fn new(window: Duration, max_keys: usize) -> Self {
        Self {
            window,
            max_keys,
            began: OffsetDateTime::UNIX_EPOCH,
            now: HashMap::new(),
            before: HashMap::new(),
        }
    }

    /// Begins a new window when this one is over, or full, and says how long it has gone on.
    pub(super) fn turn(&mut self, now: OffsetDateTime) -> Duration {
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

    /// What is known since this window began.
    pub(super) fn now(&mut self) -> &mut HashMap<u64, V> {
        &mut self.now
    }

    /// What was known when it began.
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
        recent.turn(now());
        recent.now().insert(1, "lately");
        recent.turn(now() + Duration::seconds(90));
        assert_eq!(recent.before().get(&1), Some(&"lately"));
        recent.turn(now() + Duration::seconds(120));
        assert!(recent.before().is_empty() && recent.now().is_empty());
    }

    #[test]
    fn memory_is_bounded_however_many_keys_there_are() {
        let mut recent = Recent::new(Duration::MINUTE, 10);
        for key in 0..1_000 {
            recent.turn(now());
            recent.now().insert(key, ());
        }
        assert!(recent.now().len() <= 10 && recent.before().len() <= 10);
        assert!(recent.now().contains_key(&999));
    }
}
