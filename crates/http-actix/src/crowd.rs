//! How many clients are connected, and what becomes of those beyond the limit: each is answered that there
//! are too many, which it can act upon, in place of silence.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::problem::{Code, Problem};

/// How many connections are accepted beyond those that are served. Each is answered at once, so that few
/// serve many; further ones wait to be accepted.
pub(crate) const SURPLUS: usize = 64;

/// The clients that are connected.
#[derive(Clone)]
pub(crate) struct Crowd(Arc<Inner>);

struct Inner {
    connected: AtomicUsize,
    most: usize,
}

/// A client that is connected, until this is dropped.
pub(crate) struct Member {
    crowd: Crowd,
    /// Whether there were as many as are served before it came.
    came_last: bool,
    was_turned_away: Cell<bool>,
}

impl Crowd {
    /// Serves so many clients at once.
    pub(crate) fn of(most: usize) -> Self {
        Self(Arc::new(Inner {
            connected: AtomicUsize::new(0),
            most,
        }))
    }

    /// Lets a client in.
    pub(crate) fn join(&self) -> Member {
        let before = self.0.connected.fetch_add(1, Ordering::Relaxed);
        Member {
            crowd: self.clone(),
            came_last: before >= self.0.most,
            was_turned_away: Cell::new(false),
        }
    }

    /// How many are connected.
    pub(crate) fn connected(&self) -> usize {
        self.0.connected.load(Ordering::Relaxed)
    }

    /// How many are served at most.
    pub(crate) fn most(&self) -> usize {
        self.0.most
    }
}

impl Member {
    /// Whether it came when there were too many, and there still are.
    pub(crate) fn is_surplus(&self) -> bool {
        self.came_last && (self.was_turned_away.get() || self.crowd.connected() > self.crowd.most())
    }

    /// From now on nothing of it is answered otherwise: what it has sent ahead of the answer must not be done.
    pub(crate) fn turn_away(&self) {
        self.was_turned_away.set(true);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.0.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a client beyond the limit is told.
pub(crate) fn too_many() -> Problem {
    let detail = "this replica serves as many clients as it can (HTTP_MAX_CONNECTIONS): try again later, \
                  or at another one";
    Problem::new(Code::Unavailable).detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_beyond_the_limit_is_surplus_until_somebody_has_gone() {
        let crowd = Crowd::of(2);
        let served = [crowd.join(), crowd.join()];
        let surplus = crowd.join();
        assert_eq!(crowd.connected(), 3);
        assert!(served.iter().all(|member| !member.is_surplus()));
        assert!(surplus.is_surplus());
        let [one, other] = served;
        drop(one);
        assert!(!surplus.is_surplus());
        let _next = crowd.join();
        assert!(
            surplus.is_surplus(),
            "it came first, and is not of those who are served"
        );
        surplus.turn_away();
        drop(other);
        assert!(
            surplus.is_surplus(),
            "it was told so, and what it sent behind that is not done"
        );
    }
}
