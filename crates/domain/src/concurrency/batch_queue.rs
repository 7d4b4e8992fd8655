//! A bounded queue whose requests are handled in batches (group commit by micro-batching). Requests
//! that arrive while a batch is in progress wait, and the next batch takes all of them. When idle,
//! a batch is one request and nothing waits.
//!
//! The queue knows no runtime: [`BatchQueue::open`] returns its workers, and the caller must drive
//! each of them.

use std::sync::Arc;

use async_channel::{Receiver, Sender, TrySendError};
use futures_channel::oneshot;
use futures_util::{FutureExt, future::BoxFuture, lock::Mutex};
use time::{Duration, OffsetDateTime};
use tracing::{Instrument, Span};

use super::gate::Gate;
use crate::{Clock, Timer};

/// Handles the requests of a queue.
pub(crate) trait BatchHandler: Send + Sync {
    type Request: Send + Sync;
    type Answer: Send;

    /// Handles a batch.
    fn handle(&self, batch: &[Self::Request])
    -> impl Future<Output = Handled<Self::Answer>> + Send;

    /// Diverts a request from the batch that is being gathered: `None` means that it was taken
    /// over.
    fn divert(
        &self,
        queued: Queued<Self::Request, Self::Answer>,
    ) -> Option<Queued<Self::Request, Self::Answer>> {
        Some(queued)
    }

    /// Sends an answer to its caller, whose batch began at this moment. The next batch may be in progress by
    /// then.
    fn answer(
        &self,
        queued: Queued<Self::Request, Self::Answer>,
        answer: Self::Answer,
        _: OffsetDateTime,
    ) {
        queued.answer(answer);
    }
}

/// A batch that was handled.
pub(crate) struct Handled<A> {
    /// One answer for each request, in the same sequence. A request without an answer gets
    /// [`QueueError::NoAnswer`].
    pub(crate) answers: Vec<A>,
    /// How long storage kept it waiting for what others do there.
    pub(crate) waited: Duration,
}

/// The limits of a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueSettings {
    /// How many batches are handled at once.
    pub(crate) workers: usize,
    /// The most requests in a batch.
    pub(crate) max_batch: usize,
    /// How many requests must be queued before a batch starts beside one in progress. With fewer,
    /// waiting for that one costs less than two small batches instead of one large one.
    pub(crate) min_parallel_batch: usize,
    /// The most queued requests; one more is refused.
    pub(crate) max_queued: usize,
}

/// A queued request, and its caller.
pub(crate) struct Queued<Q, A> {
    pub(crate) request: Q,
    caller: Waiting<A>,
}

/// A caller: when it came, and how it gets its answer.
struct Waiting<A> {
    arrived_at: OffsetDateTime,
    /// What the request is a part of, for whoever traces it.
    span: Span,
    answer: oneshot::Sender<A>,
}

impl<Q, A> Queued<Q, A> {
    /// Whether the request came before this moment.
    pub(crate) fn arrived_before(&self, moment: OffsetDateTime) -> bool {
        self.caller.arrived_at < moment
    }

    /// How long it had waited by this moment.
    pub(crate) fn waited_until(&self, moment: OffsetDateTime) -> Duration {
        (moment - self.caller.arrived_at).max(Duration::ZERO)
    }

    /// Whether the caller has stopped waiting for the answer.
    pub(crate) fn has_hung_up(&self) -> bool {
        self.caller.answer.is_canceled()
    }

    /// Sends the answer, which is dropped if the caller has hung up.
    pub(crate) fn answer(self, answer: A) {
        let _ = self.caller.answer.send(answer);
    }
}

/// Requests that are handled together.
pub(crate) struct Batch<Q, A> {
    pub(crate) requests: Vec<Q>,
    callers: Vec<Waiting<A>>,
}

impl<Q, A> Batch<Q, A> {
    pub(crate) fn of(queued: impl IntoIterator<Item = Queued<Q, A>>) -> Self {
        let queued = queued.into_iter();
        let (requests, callers) = queued.map(|queued| (queued.request, queued.caller)).unzip();
        Self { requests, callers }
    }

    /// What handling the batch is to whoever traces it: it belongs to none of its requests, and follows
    /// from those that are traced. Nothing where none is.
    pub(crate) fn span(&self) -> Span {
        let spans = self.callers.iter().map(|caller| &caller.span);
        let mut traced = spans.filter(|span| !span.is_disabled()).peekable();
        if traced.peek().is_none() {
            return Span::none();
        }
        let span = tracing::debug_span!("batch", requests = self.requests.len());
        for caller in traced {
            span.follows_from(caller);
        }
        span
    }

    /// Pairs every request with its answer. A request without one is dropped, and its caller gets
    /// [`QueueError::NoAnswer`].
    pub(crate) fn with(self, answers: Vec<A>) -> impl Iterator<Item = (Queued<Q, A>, A)> {
        let queued = self.requests.into_iter().zip(self.callers);
        let queued = queued.map(|(request, caller)| Queued { request, caller });
        queued.zip(answers)
    }
}

/// The sending side of a queue.
pub(crate) struct BatchQueue<Q, A> {
    queue: Sender<Queued<Q, A>>,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
}

/// Why a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueError {
    /// The queue is full or closed: the request was not handled.
    Full,
    /// Its batch ended without an answer to it.
    NoAnswer,
}

impl<Q, A> BatchQueue<Q, A>
where
    Q: Send + Sync + 'static,
    A: Send + 'static,
{
    /// Opens a queue, and returns it with its workers, which the caller must drive.
    pub(crate) fn open<H>(
        handler: &H,
        timer: Arc<dyn Timer>,
        settings: QueueSettings,
    ) -> (Self, Vec<BoxFuture<'static, ()>>)
    where
        H: BatchHandler<Request = Q, Answer = A> + Clone + 'static,
    {
        let (queue, queued) = async_channel::bounded(settings.max_queued.max(1));
        let gate = Arc::new(Gate::new(settings.min_parallel_batch, Arc::clone(&timer)));
        let turn = Arc::default();
        let clock: Arc<dyn Clock> = timer;
        let worker = || BatchWorker {
            handler: handler.clone(),
            clock: Arc::clone(&clock),
            queued: queued.clone(),
            gate: Arc::clone(&gate),
            turn: Arc::clone(&turn),
            max_batch: settings.max_batch.max(1),
        };
        let workers = std::iter::repeat_with(worker).take(settings.workers.max(1));
        let workers = workers.map(|worker| worker.run().boxed()).collect();
        let queue = Self { queue, gate, clock };
        (queue, workers)
    }

    /// Queues a request and waits for its answer. If the caller stops waiting while the request is
    /// queued, the request is withdrawn; after that it is handled, and its answer dropped.
    pub(crate) async fn submit(&self, request: Q) -> Result<A, QueueError> {
        let (answer, answered) = oneshot::channel();
        let caller = Waiting {
            arrived_at: self.clock.now(),
            span: Span::current(),
            answer,
        };
        let queued = Queued { request, caller };
        match self.queue.try_send(queued) {
            Ok(()) => self.gate.notify(self.queue.len() + 1),
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(QueueError::Full),
        }
        answered.await.map_err(|_| QueueError::NoAnswer)
    }

    /// How many requests wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Accepts no more requests. The workers answer the queued ones, and then end.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

impl<Q, A> Clone for BatchQueue<Q, A> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            gate: Arc::clone(&self.gate),
            clock: Arc::clone(&self.clock),
        }
    }
}

/// Takes all queued requests, handles them as one batch, and repeats.
struct BatchWorker<H: BatchHandler> {
    handler: H,
    clock: Arc<dyn Clock>,
    queued: Receiver<Queued<H::Request, H::Answer>>,
    gate: Arc<Gate>,
    /// Of the workers, one at a time gathers a batch.
    turn: Arc<Mutex<()>>,
    max_batch: usize,
}

impl<H: BatchHandler> BatchWorker<H> {
    /// Runs until the queue is empty, and closed or without senders.
    async fn run(self) {
        loop {
            let turn = self.turn.lock().await;
            let Ok(first) = self.queued.recv().await else {
                return;
            };
            // The queued ones, and the one just taken.
            let permit = self.gate.admit(|| self.queued.len() + 1).await;
            let batch = Batch::of(self.gather(first));
            drop(turn);
            let began = self.clock.now();
            let handling = self.handler.handle(&batch.requests);
            let Handled { answers, waited } = handling.instrument(batch.span()).await;
            permit.ended(waited, batch.requests.len() + self.queued.len());
            for (queued, answer) in batch.with(answers) {
                self.handler.answer(queued, answer, began);
            }
        }
    }

    /// All queued requests, up to a full batch, without those whose callers have hung up.
    fn gather(
        &self,
        first: Queued<H::Request, H::Answer>,
    ) -> impl Iterator<Item = Queued<H::Request, H::Answer>> {
        std::iter::once(first)
            .chain(std::iter::from_fn(|| self.queued.try_recv().ok()))
            .take(self.max_batch)
            .filter(|queued| !queued.has_hung_up())
            .filter_map(|queued| self.handler.divert(queued))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::task::yield_now;

    use super::*;
    use crate::fixtures::clock;

    /// Handles a batch while two more requests arrive, and knows what was handled.
    #[derive(Clone, Default)]
    struct Busy {
        queue: Arc<Mutex<Option<BatchQueue<usize, ()>>>>,
        batches: Arc<Mutex<Vec<Vec<usize>>>>,
    }

    impl BatchHandler for Busy {
        type Request = usize;
        type Answer = ();

        async fn handle(&self, batch: &[usize]) -> Handled<()> {
            let n = {
                let mut batches = self.batches.lock().unwrap();
                batches.push(batch.to_vec());
                batches.len()
            };
            for request in [2 * n - 1, 2 * n] {
                let queue = self.queue.lock().unwrap().clone();
                if let Some(queue) = queue.filter(|_| n < 100) {
                    tokio::spawn(async move { queue.submit(request).await });
                }
                // The other worker looks at the queue.
                for _ in 0..4 {
                    yield_now().await;
                }
            }
            Handled {
                answers: vec![(); batch.len()],
                waited: Duration::ZERO,
            }
        }
    }

    #[tokio::test]
    async fn nobody_is_overtaken_for_as_long_as_requests_arrive() {
        let handler = Busy::default();
        let settings = QueueSettings {
            workers: 2,
            max_batch: 256,
            min_parallel_batch: 16,
            max_queued: 4_096,
        };
        let (queue, workers) = BatchQueue::open(&handler, clock(), settings);
        *handler.queue.lock().unwrap() = Some(queue.clone());
        for worker in workers {
            tokio::spawn(worker);
        }
        queue.submit(0).await.unwrap();
        let handled_in = || {
            let batches = handler.batches.lock().unwrap();
            batches.iter().position(|batch| batch.contains(&1))
        };
        while handled_in().is_none() {
            yield_now().await;
        }
        assert!(handled_in() <= Some(2), "{:?}", handled_in());
    }
}
