//! Versioned entries in Redis.
//!
//! A Redis that can be read but not written is as good as down: after it refused a write, it would
//! go on showing the old entry. So reads use a command that such a Redis refuses as well, and every
//! replica notices before it reads a stale entry.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool_redis::{
    Connection, Manager, Pool, Runtime,
    redis::{
        self, AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline,
        RedisError, ScriptInvocation,
        aio::{ConnectionManager, ConnectionManagerConfig},
    },
};
use domain::StorageError;
use thread_local::ThreadLocal;

use crate::{
    agreement::Agreement,
    availability::{Availability, Missed},
    entry::Entry,
    failure::Failure,
    scripts::{KEEP_NEWER, REMOVE_FOREIGN},
    times::{jittered, longest},
};

/// Reads a string without changing anything (Redis 6.2), and yet counts as a write: a replica
/// (READONLY), a server that cannot save or lacks replicas (MISCONF, NOREPLICAS) and a user who may
/// only read (NOPERM) refuse it.
const READ: &str = "GETEX";

/// The version of a new entity: Redis cannot hold an older one.
const FIRST_VERSION: i64 = domain::values::Version::FIRST.number();
/// How long to wait before retrying a Redis that did not answer.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// A Redis, read through a multiplexed connection per thread, and written through a pool. Clones
/// share all of them.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    client: Client,
    config: ConnectionManagerConfig,
    /// A connection works on the thread that opened it: with one per thread, a read does not have
    /// to wake another thread.
    reads: ThreadLocal<ConnectionManager>,
    writes: Pool,
    availability: Availability,
    agreement: Agreement,
    timeout: Duration,
    /// How many entries were not stored because a newer one is.
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
        let info = url.into_connection_info()?;
        let nodelay = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_tcp_settings(nodelay);
        let client = Client::open(info.clone())?;
        // `within_timeout` limits the wait for answers, so no connection sets a timer of its own.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(None);
        let writes = Pool::builder(Manager::new_with_config(info, config)?)
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(timeout))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .build()
            .map_err(|error| {
                let kind = redis::ErrorKind::InvalidClientConfig;
                RedisError::from((kind, "no pool", error.to_string()))
            })?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(None);
        Ok(Self(Arc::new(Inner {
            client,
            config,
            reads: ThreadLocal::new(),
            writes,
            availability: Availability::up(),
            agreement,
            timeout,
            stale: AtomicU64::new(0),
            probe,
        })))
    }

    /// An entry; `None` when there is none, when it is foreign, or when Redis is down.
    pub(crate) async fn get(&self, key: &str) -> Option<Entry> {
        if !self.0.availability.is_up() {
            return None;
        }
        let foreign = match self.0.read(key).await {
            Ok(text) => match Entry::parse(text?) {
                Ok(entry) => return (!entry.body().is_empty()).then_some(entry),
                Err(foreign) => foreign,
            },
            Err(failure) if failure.is_wrong_type() => Vec::new(),
            Err(failure) => {
                self.went_down(&failure, None);
                return None;
            }
        };
        self.remove_text(key, &foreign).await;
        None
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
        if let Err(failure) = self.0.remove(key, text).await {
            self.went_down(&failure, None);
        }
    }

    /// Stores an entry of what was read for `ttl` ±10 %, unless a newer version is stored.
    pub(crate) async fn put(&self, key: &str, version: i64, body: &[u8], ttl: Duration) {
        if !self.0.availability.is_up() {
            return;
        }
        if let Err(failure) = self.0.write(key, version, body, jittered(ttl)).await {
            self.went_down(&failure, None);
        }
    }

    /// Stores an entry of what was written, likewise. If Redis is down, it gets this version before it is
    /// read again. An entry that it refuses to replace is removed.
    pub(crate) async fn publish(&self, key: &str, version: i64, body: &[u8], ttl: Duration) {
        if version == FIRST_VERSION {
            return self.put(key, version, body, ttl).await;
        }
        if !self.0.availability.miss(key, version, longest(ttl)) {
            let written = self.0.write(key, version, body, jittered(ttl)).await;
            let Err(failure) = written else { return };
            if failure.refusal().is_some() {
                // A full Redis accepts deletes even though it accepts no writes.
                let _ = self.0.delete(key).await;
            }
            self.went_down(&failure, Some((key, version, longest(ttl))));
        }
        // Others may reach Redis, or the old entry in it.
        self.0.agreement.close().await;
        self.0.open_if_up().await;
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
        match self.0.run(script).await {
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
        match self.0.query(commands).await {
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

    /// How many entries were not stored because a newer one is.
    pub(crate) fn stale(&self) -> u64 {
        self.0.stale.load(Ordering::Relaxed)
    }

    /// Whether Redis answers.
    pub(crate) async fn ping(&self) -> bool {
        self.0.availability.is_up() && self.0.ping().await.is_ok()
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
        let probe = store.write(&store.probe, FIRST_VERSION, &[], RETRY_INTERVAL);
        if probe.await.is_err() {
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
    /// This thread's connection for reads; it connects when it is first used.
    fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let open = || {
            let (client, config) = (self.client.clone(), self.config.clone());
            ConnectionManager::new_lazy_with_config(client, config)
        };
        self.reads.get_or_try(open).cloned()
    }

    /// A connection for writes. Making one takes 14 KiB of state: boxed, for otherwise every read
    /// would carry them along, as it may have to remove what is foreign.
    async fn writer(&self) -> Result<Connection, Failure> {
        Ok(Box::pin(self.writes.get()).await?)
    }

    #[tracing::instrument(level = "debug", name = "redis.get", skip_all)]
    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let mut connection = self.connection()?;
        let get = redis::cmd(READ).arg(key).to_owned();
        self.within_timeout(async { Ok(get.query_async(&mut connection).await?) })
            .await
    }

    async fn write(
        &self,
        key: &str,
        version: i64,
        body: &[u8],
        ttl: Duration,
    ) -> Result<(), Failure> {
        let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut keep = KEEP_NEWER.key(key);
        keep.arg(version).arg(body).arg(milliseconds);
        let is_stored: bool = self.run(&keep).await?;
        if !is_stored {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn remove(&self, key: &str, text: &[u8]) -> Result<(), Failure> {
        let mut remove = REMOVE_FOREIGN.key(key);
        remove.arg(text);
        self.run(&remove).await
    }

    #[tracing::instrument(level = "debug", name = "redis.script", skip_all)]
    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Failure> {
        self.within_timeout(async {
            let mut connection = self.writer().await?;
            Ok(script.invoke_async(&mut connection).await?)
        })
        .await
    }

    async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Failure> {
        self.within_timeout(async {
            let mut connection = self.writer().await?;
            Ok(commands.query_async(&mut connection).await?)
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.within_timeout(async {
            let mut connection = self.writer().await?;
            let delete = redis::cmd("DEL").arg(key).to_owned();
            Ok(delete.query_async(&mut connection).await?)
        })
        .await
    }

    async fn ping(&self) -> Result<(), Failure> {
        let mut connection = self.connection()?;
        self.within_timeout(async { Ok(redis::cmd("PING").query_async(&mut connection).await?) })
            .await
    }

    async fn within_timeout<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or(Err(Failure::Timeout(self.timeout)))
    }

    /// Lets the other replicas read again, if Redis has all that it missed.
    async fn open_if_up(&self) {
        self.agreement.open_if(|| self.availability.is_up()).await;
    }

    /// Writes an empty entry for every missed version. On a failure, returns those that are not
    /// written.
    async fn write_missed(
        &self,
        mut missed: HashMap<String, Missed>,
    ) -> Result<(), (HashMap<String, Missed>, Failure)> {
        let now = std::time::Instant::now();
        while let Some(key) = missed.keys().next().cloned() {
            let Some(entry) = missed.get(&key) else {
                continue;
            };
            let ttl = entry.until.saturating_duration_since(now);
            if let Err(failure) = self.write(&key, entry.version, &[], ttl).await {
                return Err((missed, failure));
            }
            missed.remove(&key);
        }
        Ok(())
    }
}
