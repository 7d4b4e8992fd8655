//! Quotes: what placing would answer. They lock nothing, and are read one batch at a time over
//! one connection, however many ask: they take no connection from the orders.

use std::sync::Arc;

use super::{DeskError, placing::Placing};
use crate::{
    concurrency::batch_queue::{BatchHandler, QueueSettings},
    orders::{
        Order,
        placement::{self, Request, Scope},
    },
};

/// What a caller is answered.
pub(super) type Quote = Result<Order, DeskError>;

/// How the queue of quotes is worked off.
pub(super) const QUEUE: QueueSettings = QueueSettings {
    workers: 1,
    max_batch: 16,
    min_parallel_batch: usize::MAX,
    max_queued: 128,
};

/// Reads what a batch of quotes depends on, and answers each of them.
#[derive(Clone)]
pub(super) struct QuoteBatch(pub(super) Arc<Placing>);

impl BatchHandler for QuoteBatch {
    type Request = Request;
    type Answer = Quote;

    async fn handle(&self, requests: &[Request]) -> Vec<Quote> {
        if requests.is_empty() {
            return Vec::new();
        }
        let Placing { store, clock, ids } = &*self.0;
        let peeked = store.peek(&Scope::of(requests)).await;
        let now = clock.now();
        let quote = |request| match &peeked {
            Ok(state) => Ok(placement::quote(state, request, now, &**ids)?),
            Err(error) => Err(error.clone().into()),
        };
        requests.iter().map(quote).collect()
    }
}
