//! Letting few at a time do what is expensive.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_channel::{Receiver, Sender};

/// Permits for something that only so many may do at once. A few more wait for theirs, in the
/// order in which they came; the rest are turned away. Clones share the permits.
#[derive(Clone)]
pub(crate) struct Bulkhead {
    /// A message for each permit that nobody has.
    free: (Sender<()>, Receiver<()>),
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

/// Too many wait already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Bulkhead {
    /// `at_once` permits, for which at most `max_waiting` wait.
    pub(crate) fn new(at_once: usize, max_waiting: usize) -> Self {
        let free = async_channel::bounded(at_once.max(1));
        while free.0.try_send(()).is_ok() {}
        Self {
            free,
            waiting: Arc::default(),
            max_waiting,
        }
    }

    /// Takes a permit, which lasts until it is dropped.
    ///
    /// # Errors
    ///
    /// When too many wait already.
    pub(crate) async fn acquire(&self) -> Result<Permit, TooMany> {
        let (free, taken) = &self.free;
        if taken.try_recv().is_err() {
            let _waits = Waiting::among(&self.waiting, self.max_waiting)?;
            taken.recv().await.map_err(|_| TooMany)?;
        }
        Ok(Permit(free.clone()))
    }
}

/// One who waits, counted until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicUsize, max: usize) -> Result<Self, TooMany> {
        let waits = Self(waiting);
        if waiting.fetch_add(1, Ordering::SeqCst) < max {
            Ok(waits)
        } else {
            Err(TooMany)
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A permit, until it is dropped.
pub(crate) struct Permit(Sender<()>);

impl Drop for Permit {
    fn drop(&mut self) {
        // There is room for every permit that was taken.
        let _ = self.0.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn few_have_a_permit_some_wait_and_the_rest_are_turned_away() {
        let bulkhead = Bulkhead::new(1, 1);
        let first = bulkhead.acquire().await.unwrap();
        let mut second = Box::pin(bulkhead.acquire());
        assert!((&mut second).now_or_never().is_none());
        assert!(bulkhead.acquire().await.is_err());
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn who_hangs_up_makes_room_and_takes_no_permit() {
        let bulkhead = Bulkhead::new(1, 1);
        let first = bulkhead.acquire().await.unwrap();
        let mut gone = Box::pin(bulkhead.acquire());
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        let mut waits = Box::pin(bulkhead.acquire());
        assert!((&mut waits).now_or_never().is_none());
        drop(first);
        assert!(waits.await.is_ok());
        assert!(
            bulkhead
                .acquire()
                .now_or_never()
                .is_some_and(|permit| permit.is_ok())
        );
    }
}
