//! A bulkhead: it limits how many callers do something expensive at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_channel::{Receiver, Sender};

/// A fixed number of permits. A bounded number of callers wait for one, first come, first served;
/// the rest are refused. Clones share the permits.
#[derive(Clone)]
pub(crate) struct Bulkhead {
    /// One message for each free permit.
    free: (Sender<()>, Receiver<()>),
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

/// Too many callers wait already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Bulkhead {
    /// `at_once` permits, for which at most `max_waiting` callers wait.
    pub(crate) fn new(at_once: usize, max_waiting: usize) -> Self {
        let free = async_channel::bounded(at_once.max(1));
        while free.0.try_send(()).is_ok() {}
        Self {
            free,
            waiting: Arc::default(),
            max_waiting,
        }
    }

    /// Acquires a permit, which is released when it is dropped.
    ///
    /// # Errors
    ///
    /// When too many callers wait already.
    pub(crate) async fn acquire(&self) -> Result<Permit, TooMany> {
        let (free, taken) = &self.free;
        if taken.try_recv().is_err() {
            let _waits = Waiting::among(&self.waiting, self.max_waiting)?;
            taken.recv().await.map_err(|_| TooMany)?;
        }
        Ok(Permit(free.clone()))
    }
}

/// A waiting caller, counted until this is dropped.
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

/// A permit, released when it is dropped.
pub(crate) struct Permit(Sender<()>);

impl Drop for Permit {
    fn drop(&mut self) {
        // The channel has room for every permit.
        let _ = self.0.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn few_callers_have_a_permit_some_wait_and_the_rest_are_refused() {
        let bulkhead = Bulkhead::new(1, 1);
        let first = bulkhead.acquire().await.unwrap();
        let mut second = Box::pin(bulkhead.acquire());
        assert!((&mut second).now_or_never().is_none());
        assert!(bulkhead.acquire().await.is_err());
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn a_caller_that_hangs_up_makes_room_and_takes_no_permit() {
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
