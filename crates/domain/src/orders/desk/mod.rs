//! The desk, where orders are placed: group commit by micro-batching through a bounded queue.
//! Requests that arrive while a placement is in progress wait, and the next placement takes all of
//! them as one batch ([`crate::concurrency`] says how). Orders of a product whose stock another
//! transaction keeps locked wait for it in a lane of their own, and quotes have a separate queue.
//!
//! The desk knows no runtime: [`Desk::open`] returns its tasks, and the caller must drive each of
//! them.

mod lanes;
mod placing;
mod quotes;

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use thiserror::Error;
use time::Duration;

use self::{
    lanes::{LaneWorker, Lanes, PlaceOrDivert},
    placing::{Answer, Placing},
    quotes::{Quote, QuoteBatch},
};
use super::{
    DeskObserver, Order, PlacementStore,
    placement::{Outcome, Refusal, Request},
};
use crate::{
    IdSource, StorageError, Timer,
    concurrency::batch_queue::{BatchQueue, QueueError, QueueSettings, Queued},
};

/// Queues orders and quotes, and returns the answer to each. Clones share the queues.
#[derive(Clone)]
pub struct Desk {
    orders: BatchQueue<Request, Answer>,
    quotes: BatchQueue<Request, Quote>,
    lanes: Arc<Lanes>,
}

/// A worker of a desk; nothing is done unless it is driven. It ends when the desk is closed and
/// every request is answered.
pub type DeskTask = BoxFuture<'static, ()>;

/// The limits of a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskSettings {
    /// How many batches are placed at once.
    pub workers: usize,
    /// The most orders in a batch.
    pub max_batch: usize,
    /// How many orders must be queued before a batch starts beside one in progress. With fewer,
    /// waiting for that one costs less than two small batches instead of one large one.
    pub min_parallel_batch: usize,
    /// The most queued orders; one more is refused.
    pub max_queued: usize,
    /// The most lanes that are worked on at once, each of one product whose stock another
    /// transaction keeps locked.
    pub max_lanes: usize,
    /// How long an order waits: in lanes, before it is refused because its product is still locked; and
    /// in the queue, before it is refused because there are too many, or because storage does not answer.
    pub patience: Duration,
}

/// How many requests wait at a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskQueued {
    /// To be placed.
    pub orders: usize,
    /// To be quoted.
    pub quotes: usize,
    /// To be placed, once their products are not locked any more.
    pub lanes: usize,
}

/// Why the desk did not place an order.
#[derive(Debug, Error)]
pub enum DeskError {
    /// The order was decided on and refused: nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The queue is full or closed: the order was not decided on. A later attempt may succeed.
    #[error("the desk takes no more orders right now")]
    Full,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A queued order, and the channel for its answer.
type QueuedOrder = Queued<Request, Answer>;

impl Desk {
    /// Opens a desk. Nothing is placed unless its tasks are driven. The observer is told of orders, and not
    /// of quotes.
    #[must_use]
    pub fn open(
        store: Arc<dyn PlacementStore>,
        timer: Arc<dyn Timer>,
        ids: Arc<dyn IdSource>,
        observer: Option<Arc<dyn DeskObserver>>,
        settings: DeskSettings,
    ) -> (Self, Vec<DeskTask>) {
        let placing = Arc::new(Placing {
            store,
            clock: Arc::<dyn Timer>::clone(&timer),
            ids,
        });
        let lanes = Arc::new(Lanes::new(settings.max_queued, settings.patience, observer));
        let (opened_lanes, opened) = async_channel::unbounded();
        let lane_worker = LaneWorker {
            lanes: Arc::clone(&lanes),
            opened,
            requeue: opened_lanes.downgrade(),
            placing: Arc::clone(&placing),
            max_lanes: settings.max_lanes.max(1),
            max_batch: settings.max_batch.max(1),
        };
        let place = PlaceOrDivert {
            placing: Arc::clone(&placing),
            lanes: Arc::clone(&lanes),
            opened_lanes,
        };
        let queue = QueueSettings {
            workers: settings.workers,
            max_batch: settings.max_batch,
            min_parallel_batch: settings.min_parallel_batch,
            max_queued: settings.max_queued,
        };
        let (orders, mut tasks) = BatchQueue::open(&place, Arc::clone(&timer), queue);
        let (quotes, quote_workers) = BatchQueue::open(&QuoteBatch(placing), timer, quotes::QUEUE);
        tasks.push(lane_worker.run().boxed());
        tasks.extend(quote_workers);
        let desk = Self {
            orders,
            quotes,
            lanes,
        };
        (desk, tasks)
    }

    /// Places an order, in a batch with those that arrive with it. If the caller stops waiting
    /// while the request is queued, the request is withdrawn; after that the order may be placed,
    /// and its answer is dropped. Neither affects the other requests.
    ///
    /// # Errors
    ///
    /// `Refused`, `Full`, or `Storage`: after the last, the order may still have been placed.
    pub async fn place(&self, request: Request) -> Result<Outcome, DeskError> {
        self.orders.submit(request).await?
    }

    /// The order that placing would return now. Nothing is changed.
    ///
    /// # Errors
    ///
    /// `Refused`, `Full`, or `Storage`.
    pub async fn quote(&self, request: Request) -> Result<Order, DeskError> {
        self.quotes.submit(request).await?
    }

    /// How many requests wait at this moment.
    #[must_use]
    pub fn queued(&self) -> DeskQueued {
        DeskQueued {
            orders: self.orders.queued(),
            quotes: self.quotes.queued(),
            lanes: self.lanes.queued(),
        }
    }

    /// Accepts no more requests. The tasks answer the queued ones, and then end.
    pub fn close(&self) {
        self.orders.close();
        self.quotes.close();
    }
}

impl From<QueueError> for DeskError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full => Self::Full,
            // The worker has panicked: a bug.
            QueueError::NoAnswer => StorageError::internal("the desk gave no answer").into(),
        }
    }
}

#[cfg(test)]
mod tests;
