//! Whether Redis can be asked, and what it has missed while it could not.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Up, or down with what was missed. As long as it is down nobody waits for Redis, and before it
/// counts as up again it learns which versions it has missed: what it kept of them is too old.
pub(crate) struct Availability {
    state: Mutex<State>,
}

enum State {
    Up,
    Down { missed: HashMap<String, Missed> },
}

/// A version that Redis was not told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missed {
    /// The version.
    pub(crate) version: i64,
    /// When everything older that Redis may hold has expired by itself.
    pub(crate) until: Instant,
}

impl Availability {
    pub(crate) fn up() -> Self {
        Self {
            state: Mutex::new(State::Up),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.lock(), State::Up)
    }

    /// Goes down, and says whether it was up before. What Redis missed by that is remembered in
    /// the same step: it cannot come back in between and never be told.
    pub(crate) fn go_down(&self, by_missing: Option<(&str, i64, Duration)>) -> bool {
        let mut state = self.lock();
        let was_up = matches!(*state, State::Up);
        if was_up {
            *state = State::Down {
                missed: HashMap::new(),
            };
        }
        if let (State::Down { missed }, Some((key, version, ttl))) = (&mut *state, by_missing) {
            remember(missed, key, version, ttl);
        }
        was_up
    }

    /// Remembers what Redis is missing, if it is down. Says whether it is.
    pub(crate) fn miss(&self, key: &str, version: i64, ttl: Duration) -> bool {
        let State::Down { missed } = &mut *self.lock() else {
            return false;
        };
        remember(missed, key, version, ttl);
        true
    }

    /// Hands over what was missed and is not over yet; what is missed from now on comes with the
    /// next call. When nothing is left, it is up again: `None`.
    pub(crate) fn take_missed_or_go_up(&self) -> Option<HashMap<String, Missed>> {
        let mut state = self.lock();
        let State::Down { missed } = &mut *state else {
            return None;
        };
        let now = Instant::now();
        missed.retain(|_, missed| missed.until > now);
        if missed.is_empty() {
            *state = State::Up;
            return None;
        }
        Some(std::mem::take(missed))
    }

    /// Takes back what could not be handed on.
    pub(crate) fn put_back(&self, untold: HashMap<String, Missed>) {
        if let State::Down { missed } = &mut *self.lock() {
            for (key, older) in untold {
                let kept = missed.entry(key).or_insert(older);
                if kept.version < older.version {
                    *kept = older;
                }
            }
        }
    }

    /// A panic while the state was held cannot have left it half written.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(missed: &mut HashMap<String, Missed>, key: &str, version: i64, ttl: Duration) {
    let until = Instant::now() + ttl;
    let entry = missed.entry(key.to_owned());
    let kept = entry.or_insert(Missed { version, until });
    if kept.version < version {
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
    fn it_is_up_again_only_once_it_was_told_everything_it_missed() {
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
    fn what_was_missed_by_going_down_is_told() {
        let availability = Availability::up();
        assert!(availability.go_down(Some(("a", 2, TTL))));
        // Another write has failed, and what it missed is not lost either.
        assert!(!availability.go_down(Some(("b", 3, TTL))));
        let told = availability.take_missed_or_go_up().unwrap();
        assert_eq!((told["a"].version, told["b"].version), (2, 3));
    }

    #[test]
    fn what_could_not_be_told_is_told_later() {
        let availability = Availability::up();
        availability.go_down(None);
        availability.miss("a", 2, TTL);
        let told = availability.take_missed_or_go_up().unwrap();
        availability.miss("a", 3, TTL);
        availability.put_back(told);
        assert_eq!(availability.take_missed_or_go_up().unwrap()["a"].version, 3);
    }

    #[test]
    fn what_has_expired_by_itself_need_not_be_told() {
        let availability = Availability::up();
        availability.go_down(None);
        availability.miss("a", 2, Duration::ZERO);
        assert!(availability.take_missed_or_go_up().is_none());
    }
}
