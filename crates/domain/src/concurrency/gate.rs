//! Counts the batches in progress, and decides whether another one should start beside them.

use std::sync::atomic::{AtomicUsize, Ordering};

use event_listener::Event;

/// Admits a batch when none is in progress, or when enough requests are queued for one beside it. Whoever
/// waits is admitted before those who come later: a worker that is done would otherwise be back before
/// the one that waits has noticed, and what that one has taken would wait for as long as requests arrive.
pub(super) struct Gate {
    in_progress: AtomicUsize,
    waiting: AtomicUsize,
    changed: Event,
    /// See [`super::batch_queue::QueueSettings::min_parallel_batch`].
    min_parallel_batch: usize,
}

impl Gate {
    pub(super) fn new(min_parallel_batch: usize) -> Self {
        Self {
            in_progress: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            changed: Event::new(),
            min_parallel_batch,
        }
    }

    /// Waits until a batch of the queued requests may start: at once when none is in progress, and
    /// nobody waits.
    pub(super) async fn admit(&self, queued: impl Fn() -> usize) -> Permit<'_> {
        let mut lets_others_go_first = self.waiting.load(Ordering::SeqCst) > 0;
        let mut waits = None;
        loop {
            // Listen before checking, so that no change in between is missed.
            let changed = self.changed.listen();
            let is_alone = self.in_progress.load(Ordering::SeqCst) == 0 && !lets_others_go_first;
            if is_alone || queued() >= self.min_parallel_batch {
                self.in_progress.fetch_add(1, Ordering::SeqCst);
                return Permit(self);
            }
            waits.get_or_insert_with(|| Waits::begin(self));
            changed.await;
            lets_others_go_first = false;
        }
    }

    /// Wakes a worker if this many queued requests are enough for a batch.
    pub(super) fn notify(&self, queued: usize) {
        if queued >= self.min_parallel_batch {
            self.changed.notify(1);
        }
    }
}

/// Somebody who waits, until this is dropped.
struct Waits<'a>(&'a Gate);

impl<'a> Waits<'a> {
    fn begin(gate: &'a Gate) -> Self {
        gate.waiting.fetch_add(1, Ordering::SeqCst);
        Self(gate)
    }
}

impl Drop for Waits<'_> {
    /// Whoever let this one go first may go now.
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify(usize::MAX);
    }
}

/// A batch in progress, until this is dropped.
pub(super) struct Permit<'a>(&'a Gate);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_batch_starts_beside_another_only_when_enough_requests_wait() {
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
    async fn a_waiting_worker_is_woken_when_enough_requests_wait() {
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
