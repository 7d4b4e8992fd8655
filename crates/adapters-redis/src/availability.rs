//! Whether Redis is up, and which versions it missed while it was down.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Up, or down with the missed versions. While it is down, no request waits for Redis. Before it
/// counts as up again it gets the versions that it missed, because its older entries of them are
/// stale.
pub(crate) struct Availability {
    state: Mutex<Reach>,
}

enum Reach {
    Up,
    Down { missed: HashMap<String, Missed> },
}

/// A version that could not be written to Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missed {
    /// The version.
    pub(crate) version: i64,
    /// When every older entry that Redis may hold has expired.
    pub(crate) until: Instant,
}

impl Availability {
    pub(crate) fn up() -> Self {
        Self {
            state: Mutex::new(Reach::Up),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.lock(), Reach::Up)
    }

    /// Goes down, and returns whether it was up before. The version that Redis missed by that is
    /// recorded in the same step: Redis cannot come back in between without getting it.
    pub(crate) fn go_down(&self, by_missing: Option<(&str, i64, Duration)>) -> bool {
        let mut state = self.lock();
        let was_up = matches!(*state, Reach::Up);
        if was_up {
            *state = Reach::Down {
                missed: HashMap::new(),
            };
        }
        if let (Reach::Down { missed }, Some((key, version, ttl))) = (&mut *state, by_missing) {
            remember(missed, key, version, ttl);
        }
        was_up
    }

    /// Records a version that Redis misses, if it is down. Returns whether it is.
    pub(crate) fn miss(&self, key: &str, version: i64, ttl: Duration) -> bool {
        let Reach::Down { missed } = &mut *self.lock() else {
            return false;
        };
        remember(missed, key, version, ttl);
        true
    }

    /// Takes the missed versions whose older entries may not have expired yet; later misses come
    /// with the next call. When nothing is left, it is up again: `None`.
    pub(crate) fn take_missed_or_go_up(&self) -> Option<HashMap<String, Missed>> {
        let mut state = self.lock();
        let Reach::Down { missed } = &mut *state else {
            return None;
        };
        let now = Instant::now();
        missed.retain(|_, missed| missed.until > now);
        if missed.is_empty() {
            *state = Reach::Up;
            return None;
        }
        Some(std::mem::take(missed))
    }

    /// Forgets the versions whose older entries have expired.
    pub(crate) fn forget_expired(&self) {
        if let Reach::Down { missed } = &mut *self.lock() {
            let now = Instant::now();
            missed.retain(|_, missed| missed.until > now);
        }
    }

    /// Puts back the versions that could not be written.
    pub(crate) fn put_back(&self, unwritten: HashMap<String, Missed>) {
        if let Reach::Down { missed } = &mut *self.lock() {
            for (key, older) in unwritten {
                let kept = missed.entry(key).or_insert(older);
                if kept.version < older.version {
                    *kept = older;
                }
            }
        }
    }

    /// A poisoned lock is safe to use: a panic cannot have left the state half written.
    fn lock(&self) -> MutexGuard<'_, Reach> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(missed: &mut HashMap<String, Missed>, key: &str, version: i64, ttl: Duration) {
    let until = Instant::now() + ttl;
    let entry = missed.entry(key.to_owned());
    let kept = entry.or_insert(Missed { version, until });
    if kept.version <= version {
        let until = until.max(kept.until);
        *kept = Missed { version, until };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(1);

    #[test]
    fn only_the_first_failure_takes_it_down() {
        let availability = Availability::up();
        assert!(availability.go_down(None));
        assert!(!availability.go_down(None));
        assert!(!availability.is_up());
    }

    #[test]
    fn it_is_up_again_only_once_everything_it_missed_was_taken() {
        let availability = Availability::up();
        assert!(!availability.miss("a", 2, TTL), "up: nothing is missed");
        availability.go_down(None);
        assert!(availability.miss("a", 3, TTL));
        assert!(availability.miss("a", 2, TTL));
        let told = availability.take_missed_or_go_up().unwrap();
        assert_eq!(told["a"].version, 3);
        assert!(availability.miss("b", 2, TTL), "still down");
        assert_eq!(availability.take_missed_or_go_up().unwrap().len(), 1);
        assert!(availability.take_missed_or_go_up().is_none());
        assert!(availability.is_up());
    }

    #[test]
    fn what_was_missed_by_going_down_is_taken() {
        let availability = Availability::up();
        assert!(availability.go_down(Some(("a", 2, TTL))));
        // Another write has failed, and the version that it missed is not lost either.
        assert!(!availability.go_down(Some(("b", 3, TTL))));
        let told = availability.take_missed_or_go_up().unwrap();
        assert_eq!((told["a"].version, told["b"].version), (2, 3));
    }

    #[test]
    fn what_could_not_be_written_is_taken_again() {
        let availability = Availability::up();
        availability.go_down(None);
        availability.miss("a", 2, TTL);
        let told = availability.take_missed_or_go_up().unwrap();
        availability.miss("a", 3, TTL);
        availability.put_back(told);
        assert_eq!(availability.take_missed_or_go_up().unwrap()["a"].version, 3);
    }

    #[test]
    fn a_version_that_is_missed_again_is_missed_for_longer() {
        let availability = Availability::up();
        availability.go_down(Some(("a", 2, Duration::ZERO)));
        assert!(availability.miss("a", 2, TTL));
        availability.forget_expired();
        assert!(availability.miss("a", 2, Duration::ZERO));
        assert_eq!(availability.take_missed_or_go_up().unwrap()["a"].version, 2);
    }

    #[test]
    fn what_has_expired_by_itself_is_not_taken() {
        let availability = Availability::up();
        availability.go_down(None);
        availability.miss("a", 2, Duration::ZERO);
        assert!(availability.take_missed_or_go_up().is_none());
    }
}
