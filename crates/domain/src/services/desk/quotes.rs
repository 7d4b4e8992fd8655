//! Quotes: what placing would answer. They lock nothing, and are read one batch at a time over
//! one connection, however many ask: they take no connection from those who order.

use std::sync::Arc;

use async_channel::Receiver;
use futures_channel::oneshot::Sender;

use super::{DeskError, placing::Placing};
use crate::{
    Order,
    placement::{self, Request, Scope},
};

/// Somebody who asks for a quote, and whom to answer.
pub(super) struct QueuedQuote {
    pub(super) request: Request,
    pub(super) answer: Sender<Result<Order, DeskError>>,
}

/// The most quotes that wait; one more is turned away.
pub(super) const MAX_WAITING: usize = 128;

/// The most quotes that one read answers.
const MAX_BATCH: usize = 16;

/// Takes those who wait, reads what their quotes depend on, answers, and begins again.
pub(super) struct QuoteWorker {
    pub(super) quotes: Receiver<QueuedQuote>,
    pub(super) placing: Arc<Placing>,
}

impl QuoteWorker {
    /// Serves until the desk is closed and nobody waits any more.
    pub(super) async fn serve(self) {
        while let Ok(first) = self.quotes.recv().await {
            let (requests, callers): (Vec<_>, Vec<_>) = std::iter::once(first)
                .chain(std::iter::from_fn(|| self.quotes.try_recv().ok()))
                .take(MAX_BATCH)
                .filter(|quote| !quote.answer.is_canceled())
                .map(|QueuedQuote { request, answer }| (request, answer))
                .unzip();
            let answers = self.quote(&requests).await;
            for (caller, answer) in callers.into_iter().zip(answers) {
                // Who has hung up is not told.
                let _ = caller.send(answer);
            }
        }
    }

    async fn quote(&self, requests: &[Request]) -> Vec<Result<Order, DeskError>> {
        if requests.is_empty() {
            return Vec::new();
        }
        let Placing { store, clock, ids } = &*self.placing;
        let peeked = store.peek(&Scope::of(requests)).await;
        let now = clock.now();
        let quote = |request| match &peeked {
            Ok(state) => Ok(placement::quote(state, request, now, &**ids)?),
            Err(error) => Err(error.clone().into()),
        };
        requests.iter().map(quote).collect()
    }
}
