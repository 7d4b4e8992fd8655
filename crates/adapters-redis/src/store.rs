//! Versioned entries in Redis.
//!
//! A Redis that can be read but not written is as good as down: after it refused a write, it would
//! go on showing the old entry. So a read is a script that writes a lease where there is nothing (`SET` with
//! `NX` and `GET`, Redis 7.0). A replica (READONLY), a server that cannot save or lacks replicas (MISCONF,
//! NOREPLICAS) and a user who may only read (NOPERM) refuse it, and every replica notices before it reads
//! a stale entry.
//!
//! A server in place of the one that the replicas share is as good as down, too, until all of them have left
//! that one.

mod recovery;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool_redis::redis::{FromRedisValue, Pipeline, RedisError};
use domain::{
    StorageError,
    cache::{Coordination, Lease},
};
use recovery::wait_until_up;
use tokio::time::timeout;

use crate::{
    address::Address,
    agreement::{Agreement, CLUSTER},
    closing::Closing,
    commands::Commands,
    entry::{Entry, version_of},
    failure::Failure,
    leases,
    parts::{Part, Parts},
    scripts::{Call, KEEP_LEASED, KEEP_NEWER, Lua, PUBLISH},
    times::{MARGIN, jittered, longest, milliseconds},
};

/// How long whoever holds locks waits until the other replicas are told.
const ANNOUNCEMENT: Duration = Duration::from_millis(200);
/// How long a key lives that was written to try whether Redis can be written.
const PROBE_TTL: Duration = Duration::from_millis(250);

/// The entries of a Redis. Clones share everything.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    commands: Commands,
    agreement: Agreement,
    /// How many entries were not stored because something newer is, or may have been.
    stale: AtomicU64,
    parts: Parts,
}

/// For what an entry is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It must be what was written last.
    Current,
    /// It may be older.
    Lagging,
}

impl Store {
    /// Prepares the connections; nothing is connected yet. No entry that must be current is kept for longer than
    /// `ttl`; all keys begin with `prefix`.
    pub(crate) fn new(
        address: Address,
        (max_connections, timeout): (usize, Duration),
        coordination: Arc<dyn Coordination>,
        ttl: Duration,
        prefix: &str,
    ) -> Result<Self, RedisError> {
        let commands = Commands::new(address, max_connections, timeout)?;
        let is_cluster = commands.is_cluster();
        let parts = Parts::new(is_cluster, prefix, |part| {
            Closing::new(Arc::clone(&coordination), part, longest(ttl) + MARGIN)
        });
        Ok(Self(Arc::new(Inner {
            commands,
            agreement: Agreement::new(coordination),
            stale: AtomicU64::new(0),
            parts,
        })))
    }

    /// An entry, or a lease where there is none; no lease when only its version is recorded, or when it is not
    /// known that what is there is current.
    ///
    /// # Errors
    ///
    /// The lease.
    pub(crate) async fn get(&self, key: &str, reading: Reading) -> Result<Entry, Lease> {
        let part = self.0.parts.of(key);
        let Some(master) = self.0.master(part, reading) else {
            return Err(Lease::NONE);
        };
        let lease = leases::new();
        match self.0.commands.read(key, &master, lease).await {
            Ok(None) => Err(lease),
            Ok(Some(text)) => match Entry::parse(text) {
                Ok(entry) if entry.body().is_empty() => Err(entry.lease()),
                Ok(entry) => Ok(entry),
                Err(text) => {
                    self.remove_text(key, &text).await;
                    Err(Lease::NONE)
                }
            },
            Err(failure) => {
                self.went_down(key, &failure, None);
                Err(Lease::NONE)
            }
        }
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
        let Some(master) = self.0.agreement.last_server() else {
            return;
        };
        if let Err(failure) = self.0.commands.remove(key, &master, text).await {
            self.went_down(key, &failure, None);
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
        let part = self.0.parts.of(key);
        let Some(master) = self.0.master(part, Reading::Current) else {
            return;
        };
        let mut put = KEEP_LEASED.key(key);
        put.arg(&*master)
            .arg(version)
            .arg(body)
            .arg(milliseconds(jittered(ttl)))
            .arg(version_of(lease));
        match self.0.commands.run::<i64>(&put).await {
            Ok(stored) if stored < 0 => {
                self.0.stale.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(failure) => self.went_down(key, &failure, None),
        }
    }

    /// Stores an entry for `ttl` ±10 %, unless a newer version is stored.
    pub(crate) async fn keep(&self, key: &str, version: i64, body: &[u8], ttl: Duration) {
        let part = self.0.parts.of(key);
        let Some(master) = self.0.master(part, Reading::Lagging) else {
            return;
        };
        let entry = (version, body);
        let kept = self
            .0
            .store(&KEEP_NEWER, key, &master, entry, jittered(ttl));
        if let Err(failure) = kept.await {
            self.went_down(key, &failure, None);
        }
    }

    /// Stores an entry of what was written, where Redis expects it; with an empty body, that this version
    /// exists, whatever it has. If Redis is down, it gets this version before it is read again. An entry that
    /// it refuses to replace is removed.
    pub(crate) async fn publish(&self, key: &str, version: i64, body: &[u8], ttl: Duration) {
        if !self.try_to_publish(key, version, body, ttl).await {
            // Others may reach Redis, or the old entry in it.
            let part = self.0.parts.of(key);
            part.closing.close().await;
            part.open_if_up().await;
        }
    }

    /// Stores that this version is about to be written, likewise, and waits for no other replica: whoever
    /// writes holds locks.
    pub(crate) async fn outdate(&self, key: &str, version: i64, ttl: Duration) {
        if !self.try_to_publish(key, version, &[], ttl).await {
            let part = self.0.parts.of(key);
            // What is not heard of now is told again when the version is published.
            let _ = timeout(ANNOUNCEMENT, part.closing.announce()).await;
            let _ = timeout(ANNOUNCEMENT, part.open_if_up()).await;
        }
    }

    /// Stores an entry of what is written. If Redis is down, the version is recorded, and `false` returned.
    async fn try_to_publish(&self, key: &str, version: i64, body: &[u8], ttl: Duration) -> bool {
        let part = self.0.parts.of(key);
        let missed_for = longest(ttl) + MARGIN;
        if part.availability.miss(key, version, missed_for) {
            return false;
        }
        let missed = Some((version, missed_for));
        let writable = timeout(ANNOUNCEMENT, self.0.agreement.writable()).await;
        let Some(master) = writable.ok().flatten() else {
            self.went_down(key, &Failure::Disagreement, missed);
            return false;
        };
        // That a version exists is told whatever is there.
        let script = if body.is_empty() {
            &KEEP_NEWER
        } else {
            &PUBLISH
        };
        let entry = (version, body);
        let written = self.0.store(script, key, &master, entry, jittered(ttl));
        let Err(failure) = written.await else {
            return true;
        };
        if failure.refusal().is_some() {
            // A full Redis accepts deletes even though it accepts no writes.
            let _ = self.0.commands.delete(key).await;
        }
        self.went_down(key, &failure, missed);
        false
    }

    /// Hears from the other replicas which server they share, and whether it may be read; tells them of this one
    /// where they share none yet.
    pub(crate) async fn listen(&self) -> Result<(), StorageError> {
        let heard = self.0.agreement.listen().await?;
        for part in self.0.parts.iter() {
            let is_up = || part.availability.is_up();
            part.closing.keep_told(heard, is_up).await?;
        }
        if self.0.agreement.is_missing() {
            self.share_the_first().await?;
        }
        Ok(())
    }

    /// Tells the others of the server that is there.
    async fn share_the_first(&self) -> Result<(), StorageError> {
        let mut parts = self.0.parts.iter();
        if let Some(part) = parts.find(|part| part.availability.is_up()) {
            match self.0.identify(part).await {
                Ok(id) => drop(self.0.agreement.is_shared(&id).await?),
                Err(failure) => self.went_down(&part.probe(), &failure, None),
            }
        }
        Ok(())
    }

    /// Runs a script that writes this key; `None` when Redis is down.
    pub(crate) async fn run<T: FromRedisValue>(&self, key: &str, script: &Call) -> Option<T> {
        let part = self.0.parts.of(key);
        if !part.availability.is_up() {
            return None;
        }
        match self.0.commands.run(script).await {
            Ok(answer) => Some(answer),
            Err(failure) => {
                self.went_down(key, &failure, None);
                None
            }
        }
    }

    /// Runs commands on this key, in one round trip; `None` when Redis is down, or refuses one of them,
    /// which is no reason to do without it.
    pub(crate) async fn query<T: FromRedisValue>(
        &self,
        key: &str,
        commands: &Pipeline,
    ) -> Option<T> {
        let part = self.0.parts.of(key);
        if !part.availability.is_up() {
            return None;
        }
        match self.0.commands.query(commands).await {
            Ok(answer) => Some(answer),
            Err(failure) if failure.refusal().is_some() => None,
            Err(failure) => {
                self.went_down(key, &failure, None);
                None
            }
        }
    }

    /// How many parts of Redis there are, and how many of them are done without.
    pub(crate) fn down(&self) -> (u32, u32) {
        self.0.parts.iter().fold((0, 0), |(all, down), part| {
            (all + 1, down + u32::from(!part.availability.is_up()))
        })
    }

    /// Whether no replica has written what Redis does not have.
    pub(crate) fn is_agreed(&self) -> bool {
        self.0.agreement.is_open()
    }

    /// How many entries were not stored because something newer is, or may have been.
    pub(crate) fn stale(&self) -> u64 {
        self.0.stale.load(Ordering::Relaxed)
    }

    /// Whether Redis answers; of a cluster, whether any part of it is used.
    pub(crate) async fn ping(&self) -> bool {
        let (all, down) = self.down();
        if self.0.commands.is_cluster() || down == all {
            return down < all;
        }
        let answer = self.0.commands.ping().await;
        if let (Err(failure), Some(part)) = (&answer, self.0.parts.iter().next()) {
            self.went_down(&part.probe(), failure, None);
        }
        answer.is_ok()
    }

    /// Logs the failure of the part of a key once, and retries it until it is back. The `missed` version is recorded.
    fn went_down(&self, key: &str, failure: &Failure, missed: Option<(i64, Duration)>) {
        let part = self.0.parts.of(key);
        let missed = missed.map(|(version, lasts)| (key, version, lasts));
        if part.availability.go_down(missed) {
            part.failed(key);
            tracing::warn!(
                error = %failure,
                "Redis does not answer as it should: reading from PostgreSQL until it does"
            );
            tokio::spawn(wait_until_up(Arc::downgrade(&self.0), Arc::clone(part)));
        }
    }
}

impl Inner {
    /// The server that may be read like this, if the part is up.
    fn master(&self, part: &Part, reading: Reading) -> Option<Arc<str>> {
        if !part.availability.is_up() {
            return None;
        }
        match reading {
            Reading::Current => self.agreement.readable(part.bit),
            Reading::Lagging => self.agreement.last_server(),
        }
    }

    /// What the server of a part calls itself, or the whole cluster, if it can be written.
    async fn identify(&self, part: &Part) -> Result<String, Failure> {
        let id = self.commands.identify(&part.probe(), PROBE_TTL).await?;
        Ok(if self.commands.is_cluster() {
            CLUSTER.to_owned()
        } else {
            id
        })
    }

    /// Stores an entry by one of the scripts that take no lease.
    async fn store(
        &self,
        script: &'static Lua,
        key: &str,
        master: &str,
        (version, body): (i64, &[u8]),
        ttl: Duration,
    ) -> Result<(), Failure> {
        let mut store = script.key(key);
        store
            .arg(master)
            .arg(version)
            .arg(body)
            .arg(milliseconds(ttl));
        let is_stored: bool = self.commands.run(&store).await?;
        if !is_stored {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
