//! Versioned entries in Redis.
//!
//! A Redis that can be read but not written is as good as down: after it refused a write, it would
//! go on showing the old entry. So a read is a command that writes a lease where there is nothing (`SET` with
//! `NX` and `GET`, Redis 7.0). A replica (READONLY), a server that cannot save or lacks replicas (MISCONF,
//! NOREPLICAS) and a user who may only read (NOPERM) refuse it, and every replica notices before it reads
//! a stale entry.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool_redis::redis::{FromRedisValue, Pipeline, RedisError, Script, ScriptInvocation};
use domain::{StorageError, cache::Lease};
use tokio::time::timeout;

use crate::{
    agreement::Agreement,
    availability::{Availability, Missed},
    commands::Commands,
    entry::{Entry, version_of},
    failure::Failure,
    leases,
    scripts::{KEEP_LEASED, KEEP_NEWER, PUBLISH},
    times::{MARGIN, jittered, longest, milliseconds},
};

/// The version of a new entity: Redis cannot hold an older one.
const FIRST_VERSION: i64 = domain::values::Version::FIRST.number();
/// How long whoever holds locks waits until the other replicas are told.
const ANNOUNCEMENT: Duration = Duration::from_millis(200);
/// How long to wait before retrying a Redis that did not answer.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// The entries of a Redis. Clones share everything.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    commands: Commands,
    availability: Availability,
    agreement: Agreement,
    /// How many entries were not stored because something newer is, or may have been.
    stale: AtomicU64,
    /// The key that is written to check whether Redis can be written.
    probe: String,
}

impl Store {
    /// Prepares the connections; nothing is connected yet.
    pub(crate) fn new(
        url: &str,
        max_connections: usize,
        timeout: Duration,
        probe: String,
        agreement: Agreement,
    ) -> Result<Self, RedisError> {
        Ok(Self(Arc::new(Inner {
            commands: Commands::new(url, max_connections, timeout)?,
            availability: Availability::up(),
            agreement,
            stale: AtomicU64::new(0),
            probe,
        })))
    }

    /// An entry, or a lease where there is none; no lease when only its version is recorded, when it is foreign,
    /// or when Redis is down.
    ///
    /// # Errors
    ///
    /// The lease.
    pub(crate) async fn get(&self, key: &str) -> Result<Entry, Lease> {
        if !self.0.availability.is_up() {
            return Err(Lease::NONE);
        }
        let lease = leases::new();
        let foreign = match self.0.commands.read(key, lease).await {
            Ok(None) => return Err(lease),
            Ok(Some(text)) => match Entry::parse(text) {
                Ok(entry) if entry.body().is_empty() => return Err(entry.lease()),
                Ok(entry) => return Ok(entry),
                Err(foreign) => foreign,
            },
            Err(failure) if failure.is_wrong_type() => Vec::new(),
            Err(failure) => {
                self.went_down(&failure, None);
                return Err(Lease::NONE);
            }
        };
        self.remove_text(key, &foreign).await;
        Err(Lease::NONE)
    }

    /// Removes an entry that turned out to be foreign, unless another one has replaced it.
    pub(crate) async fn remove(&self, key: &str, entry: &Entry) {
        self.remove_text(key, &entry.text).await;
    }

    async fn remove_text(&self, key: &str, text: &[u8]) {
        tracing::warn!(
            key,
            "what is kept under this key is not ours: it is removed"
        );
        if let Err(failure) = self.0.commands.remove(key, text).await {
            self.went_down(&failure, None);
        }
    }

    /// Stores an entry of what was read for `ttl` ±10 %, in place of an older version or of this lease.
    pub(crate) async fn put(
        &self,
        key: &str,
        (version, lease): (i64, Lease),
        body: &[u8],
        ttl: Duration,
    ) {
        if !self.0.availability.is_up() {
            return;
        }
        let mut put = KEEP_LEASED.key(key);
        put.arg(version)
            .arg(body)
            .arg(milliseconds(jittered(ttl)))
            .arg(version_of(lease));
        match self.0.commands.run::<i64>(&put).await {
            Ok(stored) if stored < 0 => {
                self.0.stale.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(failure) => self.went_down(&failure, None),
        }
    }

    /// Stores an entry for `ttl` ±10 %, unless a newer version is stored.
    pub(crate) async fn keep(&self, key: &str, version: i64, body: &[u8], ttl: Duration) {
        if !self.0.availability.is_up() {
            return;
        }
        let entry = (version, body);
        if let Err(failure) = self.0.store(&KEEP_NEWER, key, entry, jittered(ttl)).await {
            self.went_down(&failure, None);
        }
    }

    /// Stores an entry of what was written, where Redis expects it; with an empty body, that this version
    /// exists, whatever it has. If Redis is down, it gets this version before it is read again. An entry that
    /// it refuses to replace is removed.
    pub(crate) async fn publish(&self, key: &str, version: i64, body: &[u8], ttl: Duration) {
        if !self.try_to_publish(key, version, body, ttl).await {
            // Others may reach Redis, or the old entry in it.
            self.0.agreement.close().await;
            self.0.open_if_up().await;
        }
    }

    /// Stores that this version is about to be written, likewise, and waits for no other replica: whoever
    /// writes holds locks.
    pub(crate) async fn outdate(&self, key: &str, version: i64, ttl: Duration) {
        if !self.try_to_publish(key, version, &[], ttl).await {
            // What is not heard of now is told again when the version is published.
            let _ = timeout(ANNOUNCEMENT, self.0.agreement.announce()).await;
            self.0.open_if_up().await;
        }
    }

    /// Stores an entry of what is written. If Redis is down, the version is recorded, and `false` returned.
    async fn try_to_publish(&self, key: &str, version: i64, body: &[u8], ttl: Duration) -> bool {
        let missed_for = longest(ttl) + MARGIN;
        if self.0.availability.miss(key, version, missed_for) {
            return false;
        }
        // That a version exists is told whatever is there.
        let script = if body.is_empty() {
            &KEEP_NEWER
        } else {
            &PUBLISH
        };
        let written = self.0.store(script, key, (version, body), jittered(ttl));
        let Err(failure) = written.await else {
            return true;
        };
        if failure.refusal().is_some() {
            // A full Redis accepts deletes even though it accepts no writes.
            let _ = self.0.commands.delete(key).await;
        }
        self.went_down(&failure, Some((key, version, missed_for)));
        false
    }

    /// Whether no replica has written what Redis does not have.
    pub(crate) fn is_agreed(&self) -> bool {
        self.0.agreement.may_read()
    }

    /// Hears from the other replicas whether Redis may be read.
    pub(crate) async fn listen(&self) -> Result<(), StorageError> {
        self.0.agreement.listen().await
    }

    /// Runs a script that writes; `None` when Redis is down.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        if !self.0.availability.is_up() {
            return None;
        }
        match self.0.commands.run(script).await {
            Ok(answer) => Some(answer),
            Err(failure) => {
                self.went_down(&failure, None);
                None
            }
        }
    }

    /// Runs commands that write, in one round trip; `None` when Redis is down, or refuses one of them,
    /// which is no reason to do without it.
    pub(crate) async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> Option<T> {
        if !self.0.availability.is_up() {
            return None;
        }
        match self.0.commands.query(commands).await {
            Ok(answer) => Some(answer),
            Err(failure) if failure.refusal().is_some() => None,
            Err(failure) => {
                self.went_down(&failure, None);
                None
            }
        }
    }

    /// Whether Redis is used.
    pub(crate) fn is_up(&self) -> bool {
        self.0.availability.is_up()
    }

    /// How many entries were not stored because something newer is, or may have been.
    pub(crate) fn stale(&self) -> u64 {
        self.0.stale.load(Ordering::Relaxed)
    }

    /// Whether Redis answers.
    pub(crate) async fn ping(&self) -> bool {
        self.0.availability.is_up() && self.0.commands.ping().await.is_ok()
    }

    /// Logs the failure once, and retries Redis until it is back. The `missed` version is recorded.
    fn went_down(&self, failure: &Failure, missed: Option<(&str, i64, Duration)>) {
        if self.0.availability.go_down(missed) {
            tracing::warn!(
                error = %failure,
                "Redis does not answer as it should: reading from PostgreSQL until it does"
            );
            tokio::spawn(wait_until_up(Arc::downgrade(&self.0)));
        }
    }
}

/// Retries Redis until it can be written, writes the versions that it missed, and, when none are
/// left, lets it be read again. Ends when the store is dropped.
async fn wait_until_up(store: Weak<Inner>) {
    loop {
        tokio::time::sleep(RETRY_INTERVAL).await;
        let Some(store) = store.upgrade() else { return };
        let probe = store.store(
            &KEEP_NEWER,
            &store.probe,
            (FIRST_VERSION, &[]),
            RETRY_INTERVAL,
        );
        if probe.await.is_err() {
            store.availability.forget_expired();
            continue;
        }
        while let Some(missed) = store.availability.take_missed_or_go_up() {
            if let Err((unwritten, failure)) = store.write_missed(missed).await {
                tracing::debug!(
                    error = %failure,
                    "Redis is gone again"
                );
                store.availability.put_back(unwritten);
                break;
            }
        }
        if store.availability.is_up() {
            tracing::info!("Redis answers again");
            store.open_if_up().await;
            return;
        }
    }
}

impl Inner {
    /// Stores an entry by one of the scripts that take no lease.
    async fn store(
        &self,
        script: &Script,
        key: &str,
        (version, body): (i64, &[u8]),
        ttl: Duration,
    ) -> Result<(), Failure> {
        let mut store = script.key(key);
        store.arg(version).arg(body).arg(milliseconds(ttl));
        let is_stored: bool = self.commands.run(&store).await?;
        if !is_stored {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Lets the other replicas read again, if Redis has all that it missed.
    async fn open_if_up(&self) {
        self.agreement.open_if(|| self.availability.is_up()).await;
    }

    /// Writes an empty entry for every missed version. On a failure, returns those that are not
    /// written.
    async fn write_missed(
        &self,
        missed: HashMap<String, Missed>,
    ) -> Result<(), (HashMap<String, Missed>, Failure)> {
        let now = std::time::Instant::now();
        let mut missed = missed.into_iter();
        while let Some((key, entry)) = missed.next() {
            let ttl = entry.until.saturating_duration_since(now);
            let written = self.store(&KEEP_NEWER, &key, (entry.version, &[]), ttl);
            if let Err(failure) = written.await {
                let unwritten = std::iter::once((key, entry)).chain(missed).collect();
                return Err((unwritten, failure));
            }
        }
        Ok(())
    }
}
