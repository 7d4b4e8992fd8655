//! A part of Redis is closed to all replicas when one of them cannot write a change to it: that one says so to
//! the others through storage, and answers once none of them goes by what is there any more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{StorageError, cache::Coordination};
use tokio::{sync::Mutex, time::sleep};
use uuid::Uuid;

use crate::agreement::LEASE;

/// How long to wait before telling again what storage did not take.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The closures of a part by this replica.
pub(crate) struct Closing {
    coordination: Arc<dyn Coordination>,
    /// The part, a bit.
    part: u64,
    /// The longest that an entry is kept.
    longest: Duration,
    told: Mutex<Told>,
}

/// What this replica has told the others.
#[derive(Default)]
struct Told {
    /// By which it keeps the part closed; kept when nobody knows whether storage has taken it.
    id: Option<Uuid>,
    closed: Option<Closed>,
    /// Closures that are over, and were not ended yet.
    over: Vec<Uuid>,
}

/// A closure of this replica that storage has.
#[derive(Clone, Copy)]
struct Closed {
    /// When it was told last.
    told_at: Instant,
    /// From when on nobody reads any more.
    holds_from: Instant,
}

impl Told {
    /// What is closed is to be ended.
    fn is_over(&mut self) {
        self.closed = None;
        self.over.extend(self.id.take());
    }
}

impl Closing {
    pub(crate) fn new(coordination: Arc<dyn Coordination>, part: u64, longest: Duration) -> Self {
        Self {
            coordination,
            part,
            longest,
            told: Mutex::default(),
        }
    }

    /// Closes it to everybody until every entry of now has expired. Once it returns nobody reads there.
    pub(crate) async fn close(&self) {
        let holds_from = loop {
            match self.announce().await {
                Ok(holds_from) => break holds_from,
                Err(error) => tracing::warn!(
                    %error,
                    "a change is not in Redis, and the other replicas cannot be told: trying again"
                ),
            }
            sleep(RETRY_INTERVAL).await;
        };
        let rest = holds_from.saturating_duration_since(Instant::now());
        if !rest.is_zero() {
            sleep(rest).await;
        }
    }

    /// Closes it likewise, and returns from when on nobody reads there.
    pub(crate) async fn announce(&self) -> Result<Instant, StorageError> {
        let mut told = self.told.lock().await;
        if let Some(closed) = told.closed
            && closed.told_at.elapsed() < self.longest
        {
            return Ok(closed.holds_from);
        }
        self.tell(&mut told).await
    }

    async fn tell(&self, told: &mut Told) -> Result<Instant, StorageError> {
        let id = *told.id.get_or_insert_with(Uuid::new_v4);
        let told_at = Instant::now();
        let closed = self.coordination.close(id, self.part, self.lasts());
        closed.await?;
        let holds_from = Instant::now() + LEASE;
        told.closed = Some(Closed {
            told_at,
            holds_from,
        });
        Ok(holds_from)
    }

    /// How long it lasts by itself: twice as long as entries do, so that it is told again before it ends.
    fn lasts(&self) -> Duration {
        self.longest * 2
    }

    /// Ends what this replica has closed, if by now Redis has everything that it missed. Whoever finds
    /// that it misses something closes it after that, or keeps it closed.
    pub(crate) async fn open_if(&self, is_up: impl Fn() -> bool) {
        let mut told = self.told.lock().await;
        if !is_up() {
            return;
        }
        told.is_over();
        if let Err(error) = self.end(&mut told).await {
            tracing::warn!(%error, "Redis stays closed to all replicas until storage takes that");
        }
    }

    /// Looks after what was told, several times a second: ends what is over, and tells again what storage has lost, as
    /// a standby may that took the primary's place. When it was asked last, these parts were closed.
    pub(crate) async fn keep_told(
        &self,
        (asked_at, closed): (Instant, u64),
        is_up: impl Fn() -> bool,
    ) -> Result<(), StorageError> {
        let Ok(mut told) = self.told.try_lock() else {
            // It is being closed: there is time for that later.
            return Ok(());
        };
        let has_ended = |it: Closed| it.told_at.elapsed() >= self.lasts();
        if is_up() || told.closed.is_some_and(has_ended) {
            told.is_over();
        }
        self.end(&mut told).await?;
        let is_lost = |it: Closed| closed & self.part == 0 && it.told_at < asked_at;
        if told.id.is_some() && told.closed.is_none_or(is_lost) {
            self.tell(&mut told).await?;
        }
        Ok(())
    }

    async fn end(&self, told: &mut Told) -> Result<(), StorageError> {
        if !told.over.is_empty() {
            self.coordination.open(&told.over).await?;
            told.over.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
