//! How long this machine stood still, so that nobody else is blamed for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(5);

/// Looks at it until this is dropped.
pub(crate) struct Stalls {
    /// In milliseconds.
    longest: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Stalls {
    pub(crate) fn begin() -> Self {
        let longest = Arc::<AtomicU64>::default();
        let seen = Arc::clone(&longest);
        let task = tokio::spawn(async move {
            loop {
                let began = Instant::now();
                sleep(INTERVAL).await;
                let late = began.elapsed().saturating_sub(INTERVAL);
                let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
                seen.fetch_max(late, Ordering::Relaxed);
            }
        });
        Self {
            longest,
            task: task.abort_handle(),
        }
    }

    /// The longest time for which nothing was done that was due.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::Relaxed))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.task.abort();
    }
}
