//! Background tasks. Every task has a name and is watched: one that panics, or ends while it is
//! still needed, is logged as an error at once. No task is restarted: a panic is a bug, and would
//! most likely happen again.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use adapters_postgres::Database;
use adapters_redis::Redis;
use domain::{
    Housekeeping, StorageError,
    identity::{KnownApiKeys, LiveCredentials},
    orders::{Desk, DeskTask},
    rate_limits::RateLimiter,
};
use metrics::{counter, gauge};
use tokio::{
    spawn,
    task::{AbortHandle, JoinHandle},
    time::{Instant, MissedTickBehavior, interval, timeout, timeout_at},
};

use crate::{
    causes::whole,
    metrics::{TASK_ENDED, TASK_FAILURES},
};

/// How often revocations are heard: at every replica, tokens stop working within two seconds of a
/// logout.
const REVOCATIONS_INTERVAL: Duration = Duration::from_millis(500);

/// How often replicas ask each other whether what is in Redis may be read: several times before what they
/// have heard does not count any more.
const AGREEMENT_INTERVAL: Duration = Duration::from_millis(250);

/// How often it is looked how far behind a standby is: what is allowed is at least the double.
const STANDBY_INTERVAL: Duration = Duration::from_millis(250);

/// How often replicas share what they count for rate limits.
const SHARING_INTERVAL: Duration = Duration::from_millis(500);

/// How often the uses of API keys are noted.
const USES_INTERVAL: Duration = Duration::from_secs(5);

/// How often what has expired is removed, and room made for the months ahead.
const EXPIRY_INTERVAL: Duration = Duration::from_hours(1);

/// How often recorded sales are gathered: seldom enough to cost the orders nothing measurable,
/// often enough that a report finds little to add up itself.
const SALES_INTERVAL: Duration = Duration::from_secs(15);

/// How long a run of a task may take: what waits for longer waits for nobody.
const LONGEST_RUN: Duration = Duration::from_hours(1);

/// The running tasks of the desk, and the housekeeping.
pub struct Background {
    desk: Desk,
    tasks: Supervisor,
}

impl Background {
    pub(crate) fn start(
        desk: Desk,
        desk_tasks: Vec<DeskTask>,
        housekeeping: Housekeeping,
        (live, api_keys): (Arc<LiveCredentials>, Arc<KnownApiKeys>),
    ) -> Self {
        let mut tasks = Supervisor::default();
        for (number, task) in (1..).zip(desk_tasks) {
            tasks.run(format!("desk {number}"), task);
        }
        tasks.every("revocations", REVOCATIONS_INTERVAL, move || {
            let live = Arc::clone(&live);
            async move { live.listen().await }
        });
        tasks.every("uses of API keys", USES_INTERVAL, move || {
            let api_keys = Arc::clone(&api_keys);
            async move { api_keys.record_uses().await }
        });
        let keys = Arc::new(housekeeping);
        let (sessions, sales, months) = (Arc::clone(&keys), Arc::clone(&keys), Arc::clone(&keys));
        tasks.every("idempotency keys", EXPIRY_INTERVAL, move || {
            remove_old_keys(Arc::clone(&keys))
        });
        tasks.every("expired sessions", EXPIRY_INTERVAL, move || {
            remove_expired_sessions(Arc::clone(&sessions))
        });
        tasks.every("months", EXPIRY_INTERVAL, move || {
            make_months(Arc::clone(&months))
        });
        tasks.every("sales totals", SALES_INTERVAL, move || {
            gather_sales(Arc::clone(&sales))
        });
        Self { desk, tasks }
    }

    /// Lets this replica and the others know whether what is in Redis may be read.
    pub(crate) fn agree(&mut self, redis: Option<Redis>) {
        let Some(redis) = redis else { return };
        self.tasks.every("cache", AGREEMENT_INTERVAL, move || {
            let redis = redis.clone();
            async move { redis.listen().await }
        });
    }

    /// Looks how far behind the standby is, if there is one.
    pub(crate) fn follow(&mut self, database: Database) {
        if database.standby_state().is_some() {
            self.tasks.every("standby", STANDBY_INTERVAL, move || {
                let database = database.clone();
                async move { database.watch_standby().await }
            });
        }
    }

    /// Lets this replica and the others know of the requests that they count.
    pub(crate) fn share(&mut self, limiter: Option<Arc<RateLimiter>>) {
        let Some(limiter) = limiter else { return };
        self.tasks.every("rate limits", SHARING_INTERVAL, move || {
            let limiter = Arc::clone(&limiter);
            async move {
                limiter.share().await;
                Ok::<_, StorageError>(())
            }
        });
    }

    /// Closes the desk, and waits until the queued orders are answered; not for longer than until this moment.
    pub async fn finish(self, until: Instant) {
        let Self { desk, tasks } = self;
        if timeout_at(until, tasks.finish(|| desk.close()))
            .await
            .is_err()
        {
            tracing::warn!(
                "there is no time left: what becomes of the orders of this moment is not known"
            );
        }
    }
}

async fn remove_old_keys(housekeeping: Arc<Housekeeping>) -> Result<(), StorageError> {
    let removed = housekeeping.remove_old_keys().await?;
    if removed > 0 {
        tracing::info!(removed, "old idempotency keys are gone");
    }
    Ok(())
}

async fn remove_expired_sessions(housekeeping: Arc<Housekeeping>) -> Result<(), StorageError> {
    let removed = housekeeping.remove_expired_sessions().await?;
    if removed > 0 {
        tracing::info!(removed, "expired sessions are gone");
    }
    Ok(())
}

async fn make_months(housekeeping: Arc<Housekeeping>) -> Result<(), StorageError> {
    let made = housekeeping.make_months().await?;
    if made > 0 {
        tracing::info!(made, "there is room for further months of orders");
    }
    Ok(())
}

async fn gather_sales(housekeeping: Arc<Housekeeping>) -> Result<(), StorageError> {
    housekeeping.gather_sales().await.map(|_| ())
}

/// Runs named tasks.
#[derive(Default)]
struct Supervisor {
    /// Tasks that finish their work and end when they are asked to.
    finishing: Vec<JoinHandle<()>>,
    /// Tasks that would run for ever.
    periodic: Vec<AbortHandle>,
    asked_to_end: Arc<AtomicBool>,
}

impl Supervisor {
    /// Runs a task for which [`Self::finish`] waits.
    fn run(&mut self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let watched = self.watch(name.into(), spawn(task));
        self.finishing.push(watched);
    }

    /// Runs `what` now, and again after each interval; after a run that took longer, the next one
    /// follows an interval later. The first of several failures in a row is logged as a warning.
    fn every<F, E>(
        &mut self,
        name: &'static str,
        period: Duration,
        what: impl Fn() -> F + Send + 'static,
    ) where
        F: Future<Output = Result<(), E>> + Send,
        E: Error + Send + 'static,
    {
        // At zero from now on: of a counter that begins at one nobody sees that it grew.
        let failures = counter!(TASK_FAILURES, "task" => name);
        let task = spawn(async move {
            let mut interval = interval(period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut has_failed = false;
            loop {
                interval.tick().await;
                let failed = match timeout(LONGEST_RUN, what()).await {
                    Ok(done) => done.err().map(|error| whole(&error)),
                    Err(late) => Some(late.to_string()),
                };
                if failed.is_some() {
                    failures.increment(1);
                }
                match &failed {
                    Some(error) if !has_failed => {
                        tracing::warn!(task = name, error, "failed, and is tried again and again");
                    }
                    None if has_failed => tracing::info!(task = name, "works again"),
                    _ => {}
                }
                has_failed = failed.is_some();
            }
        });
        self.periodic.push(task.abort_handle());
        self.watch(name.to_owned(), task);
    }

    fn watch(&self, name: String, task: JoinHandle<()>) -> JoinHandle<()> {
        let asked_to_end = Arc::clone(&self.asked_to_end);
        let ended = gauge!(TASK_ENDED, "task" => name.clone());
        ended.set(0);
        spawn(async move {
            match task.await {
                Ok(()) if asked_to_end.load(Ordering::Acquire) => return,
                Ok(()) => tracing::error!(task = name, "ended before it was asked to"),
                Err(error) if error.is_cancelled() => return,
                Err(error) => tracing::error!(task = name, %error, "panicked"),
            }
            ended.set(1);
        })
    }

    /// Aborts the periodic tasks, asks the others to end, and waits until they have ended.
    async fn finish(self, ask: impl FnOnce()) {
        for task in self.periodic {
            task.abort();
        }
        self.asked_to_end.store(true, Ordering::Release);
        ask();
        for task in self.finishing {
            // The task that watches it has logged how it ended.
            let _ = task.await;
        }
    }
}

#[cfg(test)]
mod tests;
