//! Placing a batch: open, decide, commit, and retry in parts when storage refuses.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use time::Duration;

use super::DeskError;
use crate::{
    Clock, IdSource, StorageError,
    concurrency::batch_queue::Handled,
    orders::{
        LockWait, PlacementStore,
        placement::{self, Outcome, Refusal, Request, Scope},
    },
    unit_of_work::{CommitError, Opened},
};

/// The ports that workers need to place orders.
pub(crate) struct Placing {
    pub(crate) store: Arc<dyn PlacementStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// The answer to one order.
pub(crate) type Answer = Result<Outcome, DeskError>;

/// How often one request is decided at most when the data changes under the plan. A second time is
/// enough for a key that another replica took: its placement is committed by then.
const MAX_TRIES: u32 = 3;

impl Placing {
    /// Places a batch, and returns one answer per request. When storage rejects the batch, it is
    /// halved and each half is placed, until only the request at fault fails. A batch that panics
    /// has no answers.
    pub(crate) async fn place(&self, batch: &[Request], wait: LockWait) -> Handled<Answer> {
        let mut placed = Handled {
            answers: Vec::with_capacity(batch.len()),
            waited: Duration::ZERO,
        };
        let placing = AssertUnwindSafe(self.place_in_parts(batch, wait, &mut placed));
        if placing.catch_unwind().await.is_err() {
            placed.answers.clear();
        }
        placed
    }

    async fn place_in_parts(
        &self,
        batch: &[Request],
        wait: LockWait,
        Handled { answers, waited }: &mut Handled<Answer>,
    ) {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.place_part(part, wait, waited).await {
                Ok(placed) => answers.extend(placed.into_iter().map(|answer| Ok(answer?))),
                Err(PartError::Halve) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(PartError::Failed(error)) => {
                    let answer = || Err(error.clone().into());
                    answers.extend(std::iter::repeat_with(answer).take(part.len()));
                }
            }
        }
    }

    /// Places a batch or a part of one. A single request whose plan is outdated is decided again.
    async fn place_part(
        &self,
        part: &[Request],
        wait: LockWait,
        waited: &mut Duration,
    ) -> Result<Vec<Result<Outcome, Refusal>>, PartError> {
        let mut tries = 1;
        loop {
            match self.try_to_place(part, wait, waited).await {
                Ok(answers) => return Ok(answers),
                Err(CommitError::Outdated(_) | CommitError::Storage(StorageError::Internal(_)))
                    if part.len() > 1 =>
                {
                    return Err(PartError::Halve);
                }
                Err(CommitError::Outdated(_)) if tries < MAX_TRIES => tries += 1,
                Err(error) => return Err(PartError::Failed(error.into())),
            }
        }
    }

    async fn try_to_place(
        &self,
        batch: &[Request],
        wait: LockWait,
        waited: &mut Duration,
    ) -> Result<Vec<Result<Outcome, Refusal>>, CommitError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let asked_at = self.clock.now();
        let Opened { state, unit } = self.store.open(&Scope::of(batch), wait).await?;
        let now = self.clock.now();
        // To lock and read takes no time that is worth a word, but where others are at it.
        *waited += now - asked_at;
        let plan = placement::decide(state, batch, now, &*self.ids);
        if plan.accepted().next().is_some() {
            unit.commit(&plan).await?;
        } else {
            unit.abandon().await?;
        }
        Ok(plan.into_answers())
    }
}

/// Why a part of a batch was not placed.
enum PartError {
    /// Storage refused it, perhaps because of a single request.
    Halve,
    /// It failed as a whole.
    Failed(StorageError),
}
