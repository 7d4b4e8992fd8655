//! Letting few at a time do what is expensive.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_channel::{Receiver, Sender};

/// Turns at something that only so many may do at once (a bulkhead). A few more wait for theirs,
/// in the order in which they came; the rest are turned away. Clones share the turns.
#[derive(Clone)]
pub(super) struct Turns {
    /// A message for each turn that nobody has.
    free: (Sender<()>, Receiver<()>),
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

/// Too many wait already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Turns {
    /// `at_once` turns, for which at most `max_waiting` wait.
    pub(super) fn new(at_once: usize, max_waiting: usize) -> Self {
        let free = async_channel::bounded(at_once.max(1));
        while free.0.try_send(()).is_ok() {}
        Self {
            free,
            waiting: Arc::default(),
            max_waiting,
        }
    }

    /// Takes a turn, which lasts until it is dropped.
    ///
    /// # Errors
    ///
    /// When too many wait already.
    pub(super) async fn take(&self) -> Result<Turn, TooMany> {
        let (free, taken) = &self.free;
        if taken.try_recv().is_err() {
            let _waits = Waits::among(&self.waiting, self.max_waiting)?;
            taken.recv().await.map_err(|_| TooMany)?;
        }
        Ok(Turn(free.clone()))
    }
}

/// One who waits, counted until this is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn among(waiting: &'a AtomicUsize, max: usize) -> Result<Self, TooMany> {
        let waits = Self(waiting);
        if waiting.fetch_add(1, Ordering::SeqCst) < max {
            Ok(waits)
        } else {
            Err(TooMany)
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A turn, until it is dropped.
pub(super) struct Turn(Sender<()>);

impl Drop for Turn {
    fn drop(&mut self) {
        // There is room for every turn that was taken.
        let _ = self.0.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn few_have_a_turn_some_wait_and_the_rest_are_turned_away() {
        let turns = Turns::new(1, 1);
        let first = turns.take().await.unwrap();
        let mut second = Box::pin(turns.take());
        assert!((&mut second).now_or_never().is_none());
        assert!(turns.take().await.is_err());
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn who_hangs_up_makes_room_and_takes_no_turn() {
        let turns = Turns::new(1, 1);
        let first = turns.take().await.unwrap();
        let mut gone = Box::pin(turns.take());
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        let mut waits = Box::pin(turns.take());
        assert!((&mut waits).now_or_never().is_none());
        drop(first);
        assert!(waits.await.is_ok());
        assert!(turns.take().now_or_never().is_some_and(|turn| turn.is_ok()));
    }
}
