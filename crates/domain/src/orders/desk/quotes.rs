//! Quotes: what placing would answer. They lock nothing, and one worker reads them in batches over
//! one connection, however many there are: they take no connection from orders.

use std::sync::Arc;

use time::Duration;

use super::{DeskError, placing::Placing};
use crate::{
    concurrency::batch_queue::{BatchHandler, Handled, QueueSettings},
    orders::{
        Order,
        placement::{self, Request, Scope},
    },
};

/// The answer to one quote.
pub(super) type Quote = Result<Order, DeskError>;

/// The limits of the queue of quotes.
pub(super) const QUEUE: QueueSettings = QueueSettings {
    workers: 1,
    max_batch: 16,
    min_parallel_batch: usize::MAX,
    max_queued: 128,
};

/// Reads the state for a batch of quotes, and answers each of them.
#[derive(Clone)]
pub(super) struct QuoteBatch(pub(super) Arc<Placing>);

impl BatchHandler for QuoteBatch {
    type Request = Request;
    type Answer = Quote;

    async fn handle(&self, requests: &[Request]) -> Handled<Quote> {
        let waited = Duration::ZERO;
        if requests.is_empty() {
            let answers = Vec::new();
            return Handled { answers, waited };
        }
        let Placing { store, clock, ids } = &*self.0;
        let peeked = store.peek(&Scope::of(requests)).await;
        let now = clock.now();
        let quote = |request| match &peeked {
            Ok(state) => Ok(placement::quote(state, request, now, &**ids)?),
            Err(error) => Err(error.clone().into()),
        };
        Handled {
            answers: requests.iter().map(quote).collect(),
            waited,
        }
    }
}
