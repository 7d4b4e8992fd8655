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
    /// When this replica told the others last that it keeps Redis closed.
    closed_at: Mutex<Option<Instant>>,
}

impl Agreement {
    pub(crate) fn new(closures: Arc<dyn Closures>, longest: Duration) -> Self {
        Self {
            closures,
            longest,
            started_at: Instant::now(),
            readable_until: AtomicU64::new(0),
            closed_at: Mutex::new(None),
        }
    }

    /// Whether nobody has closed Redis, as far as was heard within the lease.
    pub(crate) fn may_read(&self) -> bool {
        self.since_start(Instant::now()) < self.readable_until.load(Ordering::SeqCst)
    }

    /// Asks whether anybody has closed Redis.
    pub(crate) async fn listen(&self) -> Result<(), StorageError> {
        let asked_at = Instant::now();
        let until = if self.closures.are_any().await? {
            0
        } else {
            self.since_start(asked_at + LEASE)
        };
        self.readable_until.store(until, Ordering::SeqCst);
        Ok(())
    }

    /// Closes Redis to everybody until every entry of now has expired. Once it returns nobody reads there.
    pub(crate) async fn close(&self) {
        let mut closed_at = self.closed_at.lock().await;
        let since = closed_at.map(|at| at.elapsed());
        if since.is_some_and(|since| since < self.longest) {
            return;
        }
        // Told for twice as long, so that it is told again before it ends.
        let told_for = self.longest * 2;
        while let Err(error) = self.closures.close(told_for).await {
            tracing::warn!(
                %error,
                "a change is not in Redis, and the other replicas cannot be told: trying again"
            );
            sleep(RETRY_INTERVAL).await;
        }
        if since.is_none_or(|since| since >= told_for) {
            sleep(LEASE).await;
        }
        *closed_at = Some(Instant::now());
    }

    /// Ends what this replica has closed, if by now Redis has everything that it missed. Whoever finds
    /// that it misses something closes it after that, or keeps it closed.
    pub(crate) async fn open_if(&self, is_up: impl Fn() -> bool) {
        let mut closed_at = self.closed_at.lock().await;
        if closed_at.is_none() || !is_up() {
            return;
        }
        // Nobody may go by what was told before, whether or not that is gone.
        *closed_at = None;
        if let Err(error) = self.closures.open().await {
            tracing::warn!(
                %error,
                "Redis stays closed to all replicas until what was told of it ends by itself"
            );
        }
    }

    fn since_start(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.started_at);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
