//! Who serves at the desk.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_channel::Receiver;
use futures_channel::oneshot::Sender;
use futures_util::FutureExt;

use super::{DeskError, Ports, Waiting, under_way::UnderWay};
use crate::{
    StorageError,
    placement::{self, Outcome, Refusal, Request, Scope},
    ports::{CommitError, OpenPlacement},
};

/// Takes everybody who waits, places their orders as one batch, answers, and begins again.
pub struct Clerk {
    waiting: Receiver<Waiting>,
    ports: Arc<Ports>,
    under_way: Arc<UnderWay>,
    max_batch: usize,
}

/// What a caller is answered.
type Answer = Result<Outcome, DeskError>;

impl Clerk {
    pub(super) fn new(
        waiting: Receiver<Waiting>,
        ports: Arc<Ports>,
        under_way: Arc<UnderWay>,
        max_batch: usize,
    ) -> Self {
        Self {
            waiting,
            ports,
            under_way,
            max_batch,
        }
    }

    /// Serves until the desk is closed, or nobody stands at it any more, and the queue is empty.
    pub async fn serve(self) {
        while let Ok(first) = self.waiting.recv().await {
            // Those in the queue, and the one at hand.
            let begun = self.under_way.turn(|| self.waiting.len() + 1).await;
            let (requests, callers) = self.take_batch(first);
            // A batch that panics loses its answers, and its callers are told so; the next one
            // is served all the same.
            let placed = AssertUnwindSafe(self.place(&requests)).catch_unwind().await;
            drop(begun);
            for (caller, answer) in callers.into_iter().zip(placed.unwrap_or_default()) {
                // Who has hung up is not told.
                let _ = caller.send(answer);
            }
        }
    }

    /// Everybody who waits by now, up to a full batch; who has hung up meanwhile is left out.
    fn take_batch(&self, first: Waiting) -> (Vec<Request>, Vec<Sender<Answer>>) {
        std::iter::once(first)
            .chain(std::iter::from_fn(|| self.waiting.try_recv().ok()))
            .take(self.max_batch)
            .filter(|waiting| !waiting.answer.is_canceled())
            .map(|Waiting { request, answer }| (request, answer))
            .unzip()
    }

    /// Places a batch. When storage refuses it, its requests are tried again one by one, so that
    /// none fails for another's reason.
    async fn place(&self, batch: &[Request]) -> Vec<Answer> {
        match self.try_to_place(batch).await {
            Ok(answers) => answers.into_iter().map(|a| Ok(a?)).collect(),
            Err(CommitError::Rejected(_) | CommitError::Storage(StorageError::Internal(_))) => {
                let mut answers = Vec::with_capacity(batch.len());
                for request in batch {
                    answers.push(self.place_alone(request).await);
                }
                answers
            }
            Err(CommitError::Storage(error)) => {
                let answer = || Err(error.clone().into());
                std::iter::repeat_with(answer).take(batch.len()).collect()
            }
        }
    }

    /// Places one request, on the state as it is now.
    async fn place_alone(&self, request: &Request) -> Answer {
        match self.try_to_place(std::slice::from_ref(request)).await {
            Ok(mut answers) => match answers.pop() {
                Some(answer) => Ok(answer?),
                None => Err(StorageError::internal("no answer was decided").into()),
            },
            Err(CommitError::Rejected(source)) => Err(StorageError::internal(source).into()),
            Err(CommitError::Storage(error)) => Err(error.into()),
        }
    }

    async fn try_to_place(
        &self,
        batch: &[Request],
    ) -> Result<Vec<Result<Outcome, Refusal>>, CommitError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let Ports { store, clock, ids } = &*self.ports;
        let OpenPlacement { state, unit } = store.open(&Scope::of(batch)).await?;
        let plan = placement::decide(state, batch, clock.now(), &**ids);
        if plan.accepted().next().is_some() {
            unit.commit(&plan).await?;
        } else {
            unit.abandon().await?;
        }
        Ok(plan.into_answers())
    }
}
