//! The desk: where orders are placed. Requests that arrive while a placement is under way wait in
//! a bounded queue, and the next placement takes all of them as one batch. At rest nobody waits;
//! when many wait, another batch is placed beside the one under way.
//!
//! The desk knows no runtime: [`Desk::open`] returns its [`Clerk`]s, and whoever opens it lets
//! each of them [`Clerk::serve`] on a task of its own.

mod clerk;
mod under_way;

use std::sync::Arc;

use async_channel::{Receiver, Sender, TrySendError};
use futures_channel::oneshot;
use thiserror::Error;

pub use self::clerk::Clerk;
use self::under_way::UnderWay;
use crate::{
    NewOrder, Order, StorageError,
    placement::{self, Outcome, Refusal, Request, Scope},
    ports::{Clock, IdSource, OpenPlacement, PlacementStore},
};

/// Takes requests, and answers each of them. Clones stand at the same desk.
#[derive(Clone)]
pub struct Desk {
    queue: Sender<Waiting>,
    ports: Arc<Ports>,
    under_way: Arc<UnderWay>,
}

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

/// What the desk works with.
struct Ports {
    store: Arc<dyn PlacementStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// A request in the queue, and whom to answer.
struct Waiting {
    request: Request,
    answer: oneshot::Sender<Result<Outcome, DeskError>>,
}

impl Desk {
    /// Opens a desk. Nothing is placed until its clerks serve.
    #[must_use]
    pub fn open(
        store: Arc<dyn PlacementStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        settings: DeskSettings,
    ) -> (Self, Vec<Clerk>) {
        let (queue, waiting): (_, Receiver<Waiting>) =
            async_channel::bounded(settings.max_waiting.max(1));
        let ports = Arc::new(Ports { store, clock, ids });
        let under_way = Arc::new(UnderWay::new(settings.side_batch));
        let clerk = || {
            let (ports, under_way) = (Arc::clone(&ports), Arc::clone(&under_way));
            Clerk::new(waiting.clone(), ports, under_way, settings.max_batch.max(1))
        };
        let clerks = std::iter::repeat_with(clerk).take(settings.clerks.max(1));
        let clerks = clerks.collect();
        let desk = Self {
            queue,
            ports,
            under_way,
        };
        (desk, clerks)
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
        match self.queue.try_send(Waiting { request, answer }) {
            Ok(()) => self.under_way.tell(self.queue.len() + 1),
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(DeskError::Full),
        }
        answered
            .await
            .unwrap_or_else(|_| Err(StorageError::internal("a clerk gave no answer").into()))
    }

    /// What placing this order would answer now. Nothing is changed.
    ///
    /// # Errors
    ///
    /// `Refused`, or what storage fails with.
    pub async fn quote(&self, order: NewOrder) -> Result<Order, DeskError> {
        let batch = [Request::new(order)];
        let Ports { store, clock, ids } = &*self.ports;
        let OpenPlacement { state, unit } = store.open(&Scope::of(&batch)).await?;
        let plan = placement::decide(state, &batch, clock.now(), &**ids);
        unit.abandon().await?;
        match plan.into_answers().into_iter().next() {
            Some(Ok(Outcome::Placed(order) | Outcome::Replayed(order))) => Ok(order),
            Some(Err(refusal)) => Err(refusal.into()),
            None => Err(StorageError::internal("no answer was decided").into()),
        }
    }

    /// Takes no more requests. The clerks finish those that wait, and then stop serving.
    pub fn close(&self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests;
