//! The desk, where orders are placed: group commit by micro-batching through a bounded queue.
//! Requests that arrive while a placement is under way wait, and the next placement takes all of
//! them as one batch ([`crate::concurrency`] says how). Orders of a product whose stock somebody
//! outside the desk goes on holding wait for it in a lane of their own, and quotes are answered
//! from a queue beside all that.
//!
//! The desk knows no runtime: [`Desk::open`] returns its tasks, and whoever opens it drives each
//! of them.

mod lanes;
mod placing;
mod quotes;

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use thiserror::Error;

use self::{
    lanes::{LaneWorker, Lanes, PlaceOrDivert},
    placing::{Answer, Placing},
    quotes::{Quote, QuoteBatch},
};
use super::{
    Order, PlacementStore,
    placement::{Outcome, Refusal, Request},
};
use crate::{
    Clock, IdSource, StorageError,
    concurrency::batch_queue::{BatchQueue, QueueError, QueueSettings, Queued},
};

/// Takes requests, and answers each of them. Clones stand at the same desk.
#[derive(Clone)]
pub struct Desk {
    orders: BatchQueue<Request, Answer>,
    quotes: BatchQueue<Request, Quote>,
}

/// A part of what a desk does; nothing is done unless somebody drives it. It ends when the desk
/// is closed and everybody is answered.
pub type DeskTask = BoxFuture<'static, ()>;

/// How large a desk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskSettings {
    /// How many batches are placed at once.
    pub workers: usize,
    /// The most orders in a batch.
    pub max_batch: usize,
    /// How many orders must wait for a batch to begin beside one that is under way. With fewer,
    /// waiting for that one costs less than two small batches instead of one large one.
    pub min_parallel_batch: usize,
    /// The most orders that wait; one more is turned away.
    pub max_queued: usize,
    /// For how many products that somebody goes on holding orders wait in line at once.
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

/// An order that waits to be placed, and whom to answer.
type QueuedOrder = Queued<Request, Answer>;

impl Desk {
    /// Opens a desk. Nothing is placed unless its tasks are driven.
    #[must_use]
    pub fn open(
        store: Arc<dyn PlacementStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        settings: DeskSettings,
    ) -> (Self, Vec<DeskTask>) {
        let placing = Arc::new(Placing {
            store,
            clock: Arc::clone(&clock),
            ids,
        });
        let lanes = Arc::new(Lanes::new(settings.max_queued));
        let (opened_lanes, opened) = async_channel::unbounded();
        let lane_worker = LaneWorker {
            lanes: Arc::clone(&lanes),
            opened,
            goes_on: opened_lanes.downgrade(),
            placing: Arc::clone(&placing),
            max_lanes: settings.max_lanes.max(1),
            max_batch: settings.max_batch.max(1),
        };
        let place = PlaceOrDivert {
            placing: Arc::clone(&placing),
            lanes,
            opened_lanes,
        };
        let queue = QueueSettings {
            workers: settings.workers,
            max_batch: settings.max_batch,
            min_parallel_batch: settings.min_parallel_batch,
            max_queued: settings.max_queued,
        };
        let (orders, mut tasks) = BatchQueue::open(&place, Arc::clone(&clock), queue);
        let (quotes, quote_workers) = BatchQueue::open(&QuoteBatch(placing), clock, quotes::QUEUE);
        tasks.push(lane_worker.run().boxed());
        tasks.extend(quote_workers);
        (Self { orders, quotes }, tasks)
    }

    /// Places an order, in a batch with those that arrive with it. A caller that stops waiting
    /// while its request is still in the queue takes it back; one that stops later does not learn
    /// what became of it. Neither harms the others.
    ///
    /// # Errors
    ///
    /// `Refused`, `Full`, or what storage fails with: the order is not known to be placed then.
    pub async fn place(&self, request: Request) -> Result<Outcome, DeskError> {
        self.orders.submit(request).await?
    }

    /// What placing this order would answer now. Nothing is changed.
    ///
    /// # Errors
    ///
    /// `Refused`, `Full`, or what storage fails with.
    pub async fn quote(&self, request: Request) -> Result<Order, DeskError> {
        self.quotes.submit(request).await?
    }

    /// Takes no more requests. The tasks answer those who wait, and then end.
    pub fn close(&self) {
        self.orders.close();
        self.quotes.close();
    }
}

impl From<QueueError> for DeskError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full => Self::Full,
            // Whoever was to answer has panicked: a bug.
            QueueError::NoAnswer => StorageError::internal("the desk gave no answer").into(),
        }
    }
}

#[cfg(test)]
mod tests;
