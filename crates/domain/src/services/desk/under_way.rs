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
