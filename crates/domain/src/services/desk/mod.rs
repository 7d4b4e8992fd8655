//! The desk, where orders are placed: group commit by micro-batching through a bounded queue.
//! Requests that arrive while a placement is under way wait, and the next placement takes all of
//! them as one batch. At rest nobody waits; when many wait, another batch is placed beside the
//! one under way. Who wants a product that somebody outside the desk goes on holding waits for it
//! in a lane of its own, and who only asks what an order would cost is answered beside all that.
//!
//! The desk knows no runtime: [`Desk::open`] returns its tasks, and whoever opens it drives each
//! of them.

mod clerk;
mod lanes;
mod placing;
mod quotes;
mod under_way;

use std::sync::Arc;

use async_channel::{Sender, TrySendError};
use futures_channel::oneshot;
use futures_util::future::BoxFuture;
use thiserror::Error;
use time::OffsetDateTime;

use self::{
    clerk::Clerk,
    lanes::{LaneWorker, Lanes},
    placing::{Answer, Placing},
    quotes::{QueuedQuote, QuoteWorker},
    under_way::UnderWay,
};
use crate::{
    Order, ProductId, StorageError,
    placement::{Outcome, Refusal, Request},
    ports::{Clock, IdSource, PlacementStore},
};

/// Takes requests, and answers each of them. Clones stand at the same desk.
#[derive(Clone)]
pub struct Desk {
    queue: Sender<Waiting>,
    quotes: Sender<QueuedQuote>,
    under_way: Arc<UnderWay>,
    clock: Arc<dyn Clock>,
}

/// A part of what a desk does; nothing is done unless somebody drives it. It ends when the desk
/// is closed and everybody is answered.
pub type DeskTask = BoxFuture<'static, ()>;

/// How a desk is manned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskSettings {
    /// How many batches are placed at once.
    pub clerks: usize,
    /// The most orders in a batch.
    pub max_batch: usize,
    /// How many orders must wait for a batch to be begun beside one that is under way. With
    /// fewer, waiting for that one costs less than two small batches instead of one large one.
    pub side_batch: usize,
    /// The most requests that wait; one more is turned away.
    pub max_waiting: usize,
    /// For how many products that somebody goes on holding a place in line is kept at once.
    pub max_lanes: usize,
}

/// Why the desk did not place an order.
#[derive(Debug, Error)]
pub enum DeskError {
    /// It looked at the order and refused it: nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many wait, or it is closing: the order was not looked at. A later try may succeed.
    #[error("the desk takes no more orders right now")]
    Full,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A request in the queue, and whom to answer.
struct Waiting {
    request: Request,
    answer: oneshot::Sender<Answer>,
    since: OffsetDateTime,
}

/// Those who are placed together.
struct Batch {
    requests: Vec<Request>,
    callers: Vec<(oneshot::Sender<Answer>, OffsetDateTime)>,
}

impl Waiting {
    fn has_hung_up(&self) -> bool {
        self.answer.is_canceled()
    }

    /// Answers; who has hung up is not told.
    fn tell(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }

    fn split(batch: Vec<Self>) -> Batch {
        let (requests, callers) = batch
            .into_iter()
            .map(|waiting| (waiting.request, (waiting.answer, waiting.since)))
            .unzip();
        Batch { requests, callers }
    }
}

impl Batch {
    /// Tells everybody their answer, and returns those who have to wait for a product that
    /// somebody holds. Who gets no answer learns that when this is dropped.
    fn answer(self, answers: Vec<Answer>) -> Vec<(ProductId, Waiting)> {
        let waiting = self.requests.into_iter().zip(self.callers);
        let waiting = waiting.map(|(request, (answer, since))| Waiting {
            request,
            answer,
            since,
        });
        let mut held = Vec::new();
        for (waiting, answer) in waiting.zip(answers) {
            match answer {
                Err(DeskError::Refused(Refusal::Held { product_id })) => {
                    held.push((product_id, waiting));
                }
                answer => waiting.tell(answer),
            }
        }
        held
    }
}

impl Desk {
    /// Opens a desk. Nothing is placed unless its tasks are driven.
    #[must_use]
    pub fn open(
        store: Arc<dyn PlacementStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        settings: DeskSettings,
    ) -> (Self, Vec<DeskTask>) {
        let (queue, waiting) = async_channel::bounded(settings.max_waiting.max(1));
        let (quotes, waiting_quotes) = async_channel::bounded(quotes::MAX_WAITING);
        let (opened_lanes, opened) = async_channel::unbounded();
        let desk = Self {
            queue,
            quotes,
            under_way: Arc::new(UnderWay::new(settings.side_batch)),
            clock: Arc::clone(&clock),
        };
        let placing = Arc::new(Placing { store, clock, ids });
        let lanes = Arc::new(Lanes::new(settings.max_waiting));
        let max_batch = settings.max_batch.max(1);
        let lane_worker = LaneWorker {
            lanes: Arc::clone(&lanes),
            opened,
            goes_on: opened_lanes.downgrade(),
            placing: Arc::clone(&placing),
            max_lanes: settings.max_lanes.max(1),
            max_batch,
        };
        let quote_worker = QuoteWorker {
            quotes: waiting_quotes,
            placing: Arc::clone(&placing),
        };
        let mut tasks: Vec<DeskTask> = Vec::new();
        for _ in 0..settings.clerks.max(1) {
            let clerk = Clerk {
                waiting: waiting.clone(),
                placing: Arc::clone(&placing),
                under_way: Arc::clone(&desk.under_way),
                lanes: Arc::clone(&lanes),
                opened_lanes: opened_lanes.clone(),
                max_batch,
            };
            tasks.push(Box::pin(clerk.serve()));
        }
        tasks.push(Box::pin(lane_worker.serve()));
        tasks.push(Box::pin(quote_worker.serve()));
        (desk, tasks)
    }

    /// Places an order, in a batch with those that arrive with it. A caller that stops waiting
    /// while its request is still in the queue takes it back; one that stops later does not learn
    /// what became of it. Neither harms the others.
    ///
    /// # Errors
    ///
    /// `Refused`, `Full`, or what storage fails with: the order is not known to be placed then.
    pub async fn place(&self, request: Request) -> Result<Outcome, DeskError> {
        let (answer, answered) = oneshot::channel();
        let since = self.clock.now();
        let waiting = Waiting {
            request,
            answer,
            since,
        };
        match self.queue.try_send(waiting) {
            Ok(()) => self.under_way.tell(self.queue.len() + 1),
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(DeskError::Full),
        }
        answered.await.unwrap_or_else(|_| Err(no_answer()))
    }

    /// What placing this order would answer now. Nothing is changed.
    ///
    /// # Errors
    ///
    /// `Refused`, `Full`, or what storage fails with.
    pub async fn quote(&self, request: Request) -> Result<Order, DeskError> {
        let (answer, answered) = oneshot::channel();
        match self.quotes.try_send(QueuedQuote { request, answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(DeskError::Full),
        }
        answered.await.unwrap_or_else(|_| Err(no_answer()))
    }

    /// Takes no more requests. The tasks answer those who wait, and then end.
    pub fn close(&self) {
        self.queue.close();
        self.quotes.close();
    }
}

/// Whoever was to answer has panicked: a bug.
fn no_answer() -> DeskError {
    StorageError::internal("the desk gave no answer").into()
}

#[cfg(test)]
mod tests;
