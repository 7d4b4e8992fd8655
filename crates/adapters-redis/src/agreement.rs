//! What the replicas agree on: whether the Redis that they share may be read. One that cannot write a
//! change to it says so to the others through storage, and answers once none of them goes by what is there
//! any more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{StorageError, cache::Closures};
use tokio::{sync::Mutex, time::sleep};
use uuid::Uuid;

/// For how long what was heard of the others counts, from the moment of asking: as long as it takes until
/// everybody knows what was told.
const LEASE: Duration = Duration::from_secs(1);

/// How long to wait before telling again what storage did not take.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Whether Redis may be read, by what replicas tell each other.
pub(crate) struct Agreement {
    closures: Arc<dyn Closures>,
    /// The longest that an entry is kept.
    longest: Duration,
    started_at: Instant,
    /// Until when Redis may be read, in milliseconds from the start.
    readable_until: AtomicU64,
    told: Mutex<Told>,
}

/// What this replica has told the others.
#[derive(Default)]
struct Told {
    /// By which it keeps Redis closed; kept when nobody knows whether storage has taken it.
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

impl Agreement {
    pub(crate) fn new(closures: Arc<dyn Closures>, longest: Duration) -> Self {
        Self {
            closures,
            longest,
            started_at: Instant::now(),
            readable_until: AtomicU64::new(0),
            told: Mutex::default(),
        }
    }

    /// Whether nobody has closed Redis, as far as was heard within the lease.
    pub(crate) fn may_read(&self) -> bool {
        self.since_start(Instant::now()) < self.readable_until.load(Ordering::SeqCst)
    }

    /// Asks whether anybody has closed Redis, and ends what could not be ended before.
    pub(crate) async fn listen(&self) -> Result<(), StorageError> {
        let asked_at = Instant::now();
        let until = if self.closures.are_any().await? {
            0
        } else {
            self.since_start(asked_at + LEASE)
        };
        self.readable_until.store(until, Ordering::SeqCst);
        match self.told.try_lock() {
            Ok(mut told) => self.end(&mut told).await,
            // It is being closed: there is time for that later.
            Err(_) => Ok(()),
        }
    }

    /// Closes Redis to everybody until every entry of now has expired. Once it returns nobody reads there.
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

    /// Closes Redis likewise, and returns from when on nobody reads there.
    pub(crate) async fn announce(&self) -> Result<Instant, StorageError> {
        let mut told = self.told.lock().await;
        if let Some(closed) = told.closed
            && closed.told_at.elapsed() < self.longest
        {
            return Ok(closed.holds_from);
        }
        let id = *told.id.get_or_insert_with(Uuid::new_v4);
        let told_at = Instant::now();
        // For twice as long, so that it is told again before it ends.
        self.closures.close(id, self.longest * 2).await?;
        let holds_from = Instant::now() + LEASE;
        told.closed = Some(Closed {
            told_at,
            holds_from,
        });
        Ok(holds_from)
    }

    /// Ends what this replica has closed, if by now Redis has everything that it missed. Whoever finds
    /// that it misses something closes it after that, or keeps it closed.
    pub(crate) async fn open_if(&self, is_up: impl Fn() -> bool) {
        let mut told = self.told.lock().await;
        if !is_up() {
            return;
        }
        told.closed = None;
        let over = told.id.take();
        told.over.extend(over);
        if let Err(error) = self.end(&mut told).await {
            tracing::warn!(%error, "Redis stays closed to all replicas until storage takes that");
        }
    }

    async fn end(&self, told: &mut Told) -> Result<(), StorageError> {
        if !told.over.is_empty() {
            self.closures.open(&told.over).await?;
            told.over.clear();
        }
        Ok(())
    }

    fn since_start(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.started_at);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
