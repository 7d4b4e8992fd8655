//! How many batches are under way, and whether another one is worth beginning beside them.

use std::sync::atomic::{AtomicUsize, Ordering};

use event_listener::Event;

/// Admits a batch when none is under way, or when enough requests wait for one beside it.
pub(super) struct Gate {
    under_way: AtomicUsize,
    changed: Event,
    /// See [`super::batch_queue::QueueSettings::min_parallel_batch`].
    min_parallel_batch: usize,
}

impl Gate {
    pub(super) fn new(min_parallel_batch: usize) -> Self {
        Self {
            under_way: AtomicUsize::new(0),
            changed: Event::new(),
            min_parallel_batch,
        }
    }

    /// Waits until a batch of the requests that wait may begin: at once when none is under way.
    pub(super) async fn admit(&self, queued: impl Fn() -> usize) -> Permit<'_> {
        loop {
            // Listens before it looks: what changes in between wakes it.
            let changed = self.changed.listen();
            let is_alone = self.under_way.load(Ordering::SeqCst) == 0;
            if is_alone || queued() >= self.min_parallel_batch {
                self.under_way.fetch_add(1, Ordering::SeqCst);
                return Permit(self);
            }
            changed.await;
        }
    }

    /// Wakes a worker if this many requests are worth a batch.
    pub(super) fn notify(&self, queued: usize) {
        if queued >= self.min_parallel_batch {
            self.changed.notify(1);
        }
    }
}

/// A batch is under way until this is dropped.
pub(super) struct Permit<'a>(&'a Gate);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_batch_is_begun_beside_another_only_when_enough_wait() {
        let gate = Gate::new(3);
        let first = gate
            .admit(|| 1)
            .now_or_never()
            .expect("no batch is under way");
        assert!(gate.admit(|| 2).now_or_never().is_none(), "two can wait");
        let beside = gate.admit(|| 3).now_or_never().expect("three are worth it");
        let mut waits = Box::pin(gate.admit(|| 1));
        assert!((&mut waits).now_or_never().is_none());
        drop(first);
        assert!(
            (&mut waits).now_or_never().is_none(),
            "one is still under way"
        );
        drop(beside);
        assert!(waits.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_worker_that_waits_is_woken_when_enough_wait() {
        let gate = Gate::new(3);
        let _first = gate.admit(|| 1).await;
        let waiting = std::sync::atomic::AtomicUsize::new(2);
        let count = || waiting.load(std::sync::atomic::Ordering::SeqCst);
        let mut beside = Box::pin(gate.admit(count));
        assert!((&mut beside).now_or_never().is_none());
        waiting.store(3, std::sync::atomic::Ordering::SeqCst);
        gate.notify(3);
        let admitted = tokio::time::timeout(std::time::Duration::from_secs(5), beside).await;
        assert!(admitted.is_ok());
    }
}
