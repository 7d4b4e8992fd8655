//! Decides when the next batch begins.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use event_listener::Event;
use futures_util::future::select;
use time::{Duration, OffsetDateTime};

use crate::Timer;

/// Admits a batch when none is in progress, or when enough requests are queued for one beside it. One
/// worker at a time asks.
///
/// Where storage kept the last batch waiting, others are at work there, and a batch costs them more than
/// the requests in it: the next one lets its own callers come back first. Replicas would otherwise share
/// the callers out in ever smaller batches, which take ever longer.
pub(super) struct Gate {
    in_progress: AtomicUsize,
    /// The last batch that ended.
    last: Mutex<Option<Ended>>,
    /// How many queued requests the worker waits for.
    awaited: AtomicUsize,
    /// Wakes the worker.
    changed: Event,
    /// See [`super::batch_queue::QueueSettings::min_parallel_batch`].
    min_parallel_batch: usize,
    timer: Arc<dyn Timer>,
}

/// A batch that has ended.
#[derive(Clone, Copy)]
struct Ended {
    at: OffsetDateTime,
    /// How long storage kept it waiting.
    waited: Duration,
    /// Its callers, and those who were queued when it ended.
    callers: usize,
}

/// Storage that answers sooner has not kept a batch waiting.
const NOTICEABLE: Duration = Duration::milliseconds(2);

/// The longest that a batch waits for callers to come back.
const MAX_LINGERING: Duration = Duration::milliseconds(20);

/// What wakes nobody.
const NOTHING: usize = usize::MAX;

impl Gate {
    pub(super) fn new(min_parallel_batch: usize, timer: Arc<dyn Timer>) -> Self {
        Self {
            in_progress: AtomicUsize::new(0),
            last: Mutex::new(None),
            awaited: AtomicUsize::new(NOTHING),
            changed: Event::new(),
            min_parallel_batch,
            timer,
        }
    }

    /// Waits until a batch of the queued requests should start.
    pub(super) async fn admit(&self, queued: impl Fn() -> usize) -> Permit<'_> {
        let may_start = |queued| {
            self.in_progress.load(Ordering::SeqCst) == 0 || queued >= self.min_parallel_batch
        };
        self.until(self.min_parallel_batch, &queued, may_start)
            .await;
        let is_alone = self.in_progress.fetch_add(1, Ordering::SeqCst) == 0;
        let permit = Permit(self);
        if is_alone {
            self.linger(&queued).await;
        }
        permit
    }

    /// Waits for the callers of the last batch, as long as storage kept it waiting.
    async fn linger(&self, queued: &impl Fn() -> usize) {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = last.filter(|last| last.waited >= NOTICEABLE) else {
            return;
        };
        let left = last.at + last.waited.min(MAX_LINGERING) - self.timer.now();
        if !left.is_positive() {
            return;
        }
        // The clock may have been set back.
        let left = left.min(MAX_LINGERING);
        let enough = last.callers.min(self.min_parallel_batch);
        let all = std::pin::pin!(self.until(enough, queued, |queued| queued >= enough));
        // Whichever comes first.
        drop(select(all, self.timer.sleep(left.unsigned_abs())).await);
    }

    /// Waits until `is_so`, which depends on the batches in progress, and on whether as many requests as
    /// `awaited` are queued.
    async fn until(
        &self,
        awaited: usize,
        queued: &impl Fn() -> usize,
        is_so: impl Fn(usize) -> bool,
    ) {
        self.awaited.store(awaited, Ordering::SeqCst);
        loop {
            // Listen before checking, so that no change in between is missed.
            let changed = self.changed.listen();
            if is_so(queued()) {
                break;
            }
            changed.await;
        }
        self.awaited.store(NOTHING, Ordering::SeqCst);
    }

    /// Wakes the worker if this many queued requests are what it waits for.
    pub(super) fn notify(&self, queued: usize) {
        if queued >= self.awaited.load(Ordering::SeqCst) {
            self.changed.notify(1);
        }
    }
}

/// A batch in progress, until this is dropped.
pub(super) struct Permit<'a>(&'a Gate);

impl Permit<'_> {
    /// Notes how the batch went: how long storage kept it waiting, and how many callers it had, with
    /// those who are queued by now.
    pub(super) fn ended(self, waited: Duration, callers: usize) {
        let at = self.0.timer.now();
        let ended = Ended {
            at,
            waited,
            callers,
        };
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify(1);
    }
}

#[cfg(test)]
mod tests {
    use futures_channel::oneshot;
    use futures_util::{FutureExt as _, future::BoxFuture};

    use super::*;
    use crate::{Clock, fixtures};

    /// A clock that stands still, and an alarm that the test rings.
    #[derive(Default)]
    struct Alarm(Mutex<Vec<oneshot::Sender<()>>>);

    impl Clock for Alarm {
        fn now(&self) -> OffsetDateTime {
            fixtures::now()
        }
    }

    impl Timer for Alarm {
        fn sleep(&self, _: std::time::Duration) -> BoxFuture<'static, ()> {
            let (rings, rung) = oneshot::channel();
            self.0.lock().unwrap().push(rings);
            rung.map(|_| ()).boxed()
        }
    }

    /// After a batch of one for whose locks `waited` went by, while two more were queued.
    async fn after(waited: Duration) -> (Gate, Arc<Alarm>) {
        let alarm = Arc::new(Alarm::default());
        let timer = Arc::<Alarm>::clone(&alarm);
        let gate = Gate::new(16, timer);
        gate.admit(|| 1).await.ended(waited, 3);
        (gate, alarm)
    }

    #[tokio::test]
    async fn a_batch_starts_beside_another_only_when_enough_requests_wait() {
        let gate = Gate::new(3, fixtures::clock());
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
        let gate = Gate::new(3, fixtures::clock());
        let _first = gate.admit(|| 1).await;
        let waiting = AtomicUsize::new(2);
        let mut beside = Box::pin(gate.admit(|| waiting.load(Ordering::SeqCst)));
        assert!((&mut beside).now_or_never().is_none());
        waiting.store(3, Ordering::SeqCst);
        gate.notify(3);
        let admitted = tokio::time::timeout(std::time::Duration::from_secs(5), beside).await;
        assert!(admitted.is_ok());
    }

    #[tokio::test]
    async fn where_storage_kept_a_batch_waiting_the_next_waits_for_its_callers() {
        let (gate, _alarm) = after(Duration::milliseconds(5)).await;
        let waiting = AtomicUsize::new(2);
        let mut next = Box::pin(gate.admit(|| waiting.load(Ordering::SeqCst)));
        assert!((&mut next).now_or_never().is_none());
        waiting.store(3, Ordering::SeqCst);
        gate.notify(3);
        assert!(next.now_or_never().is_some(), "all three are there");
    }

    #[tokio::test]
    async fn callers_who_do_not_come_back_are_waited_for_no_longer_than_storage_took() {
        let (gate, alarm) = after(Duration::milliseconds(5)).await;
        let mut next = Box::pin(gate.admit(|| 1));
        assert!((&mut next).now_or_never().is_none());
        let rings = alarm.0.lock().unwrap().pop().expect("it set the alarm");
        rings.send(()).unwrap();
        assert!(next.now_or_never().is_some());
    }

    #[tokio::test]
    async fn where_storage_answers_at_once_nobody_is_waited_for() {
        let (gate, _alarm) = after(Duration::milliseconds(1)).await;
        assert!(gate.admit(|| 1).now_or_never().is_some());
    }
}
