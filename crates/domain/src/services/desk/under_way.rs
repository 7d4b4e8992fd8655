//! The batches that are being placed, and whether another one is worth beginning beside them.

use std::sync::atomic::{AtomicUsize, Ordering};

use event_listener::Event;

/// What the clerks of one desk know of each other.
pub(super) struct UnderWay {
    batches: AtomicUsize,
    changed: Event,
    /// See [`super::DeskSettings::side_batch`].
    side_batch: usize,
}

impl UnderWay {
    pub(super) fn new(side_batch: usize) -> Self {
        Self {
            batches: AtomicUsize::new(0),
            changed: Event::new(),
            side_batch,
        }
    }

    /// Waits until a batch of those who wait may be begun: at once when none is under way.
    pub(super) async fn turn(&self, waiting: impl Fn() -> usize) -> Begun<'_> {
        loop {
            // Listens before it looks: what changes in between wakes it.
            let changed = self.changed.listen();
            let is_alone = self.batches.load(Ordering::SeqCst) == 0;
            if is_alone || waiting() >= self.side_batch {
                self.batches.fetch_add(1, Ordering::SeqCst);
                return Begun(self);
            }
            changed.await;
        }
    }

    /// Says that this many wait by now.
    pub(super) fn tell(&self, waiting: usize) {
        if waiting >= self.side_batch {
            self.changed.notify(1);
        }
    }
}

/// A batch that is under way until this is dropped.
pub(super) struct Begun<'a>(&'a UnderWay);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.batches.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_batch_is_begun_beside_another_only_when_enough_wait() {
        let under_way = UnderWay::new(3);
        let first = under_way
            .turn(|| 1)
            .now_or_never()
            .expect("nobody else places");
        assert!(
            under_way.turn(|| 2).now_or_never().is_none(),
            "two can wait"
        );
        let beside = under_way
            .turn(|| 3)
            .now_or_never()
            .expect("three are worth it");
        let mut waits = Box::pin(under_way.turn(|| 1));
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
    async fn a_clerk_who_waits_is_told_when_enough_wait() {
        let under_way = UnderWay::new(3);
        let _first = under_way.turn(|| 1).await;
        let waiting = std::sync::atomic::AtomicUsize::new(2);
        let count = || waiting.load(std::sync::atomic::Ordering::SeqCst);
        let mut beside = Box::pin(under_way.turn(count));
        assert!((&mut beside).now_or_never().is_none());
        waiting.store(3, std::sync::atomic::Ordering::SeqCst);
        under_way.tell(3);
        let begun = tokio::time::timeout(std::time::Duration::from_secs(5), beside).await;
        assert!(begun.is_ok());
    }
}
