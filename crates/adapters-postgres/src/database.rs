//! The connection pools, and the session settings of every connection.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Status};
use domain::StorageError;
use rustls::ClientConfig;
use thiserror::Error;
use thread_local::ThreadLocal;
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    abandonable::Abandonable,
    error::{from_pool, is_lock_not_available, storage},
    tls::{self, InvalidTls},
};

/// The connections to a PostgreSQL database. The adapters share them, and so do clones.
///
/// Expensive statements, and those that wait for locks, have pools of their own (bulkheads, as on a
/// ship): the desk has connections that nothing else uses, and so have reports, and changes of rows
/// that other transactions may have locked.
#[derive(Clone)]
pub struct Database {
    /// For statements that find their rows by id, or a page of them by an index, and wait for no
    /// lock. Each thread has connections of its own, so that no answer has to wake another thread:
    /// that is most of the time of a short statement.
    by_thread: Arc<ThreadLocal<Pool>>,
    /// How many of these connections each thread opens at most.
    per_thread: usize,
    /// Only for placing orders.
    desk: Pool,
    /// For changes of rows that exist, which may have to wait for a lock.
    changes: Pool,
    /// For lists whose best plan depends on what is searched for.
    searches: Pool,
    /// Only for hearing of revocations, which waits for nothing.
    revocations: Pool,
    /// For statements that read periods of time, or whole tables.
    reports: Pool,
    /// For imports and exports, which take as long as their clients.
    bulk: Pool,
    /// How connections like these are made.
    by_id: Connector,
    lock_patience: Duration,
}

/// How a connection is made.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
}

/// What the connections of a pool do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// What its connections are for.
    pub name: &'static str,
    /// Open and used by nobody.
    pub idle: usize,
    /// Used at this moment.
    pub used: usize,
    /// How many wait for one.
    pub waiting: usize,
}

impl PoolState {
    const fn of(name: &'static str) -> Self {
        Self {
            name,
            idle: 0,
            used: 0,
            waiting: 0,
        }
    }

    fn and(self, status: Status) -> Self {
        Self {
            idle: self.idle + status.available,
            used: self.used + status.size.saturating_sub(status.available),
            waiting: self.waiting + status.waiting,
            ..self
        }
    }
}

/// Where a database is, and how many connections to open.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    config: Config,
    tls: Arc<ClientConfig>,
    max_connections: usize,
    desk_connections: usize,
    threads: usize,
    lock_patience: Duration,
}

/// Why a URL does not name a database that this build can reach.
#[derive(Debug, Error)]
pub enum InvalidDatabaseUrl {
    /// It is not a connection string.
    #[error("is not a PostgreSQL URL such as postgres://user:password@host:5432/database")]
    Malformed,
    /// What it asks of TLS cannot be done.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
}

/// How long to wait for a pooled connection, or for a new one.
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How long a connection lives on without a word from the server's machine (`tcp(7)`:
/// `TCP_USER_TIMEOUT` and keep-alive): one that is gone never says so.
const SILENCE: Duration = Duration::from_secs(5);

/// The settings of every session: no statement waits for long, and a client that disappeared in the
/// middle of a transaction does not keep its locks.
const EVERY_SESSION: &str = "-c statement_timeout=10s -c lock_timeout=2s \
                             -c idle_in_transaction_session_timeout=10s -c jit=off \
                             -c datestyle=iso";

/// For connections whose statements find their rows by id. A statement is planned once per
/// connection, the lookups of foreign keys too, and the plan must be right for as long as the
/// connection lives. So it uses indexes whatever the statistics were at that moment: a table that
/// was small then is not read whole once it has grown. Planning each execution instead took a fifth
/// of the time of an order that is placed alone.
///
/// A join could still read a whole index, because that of an empty table costs nothing. The planner
/// only considers this where the order of an index is useful, for example to a join by `=`. So
/// statements that join by id use `= any(array[id])`, which asks an index for each row.
/// `tests/it/plans.rs` counts what is read.
const ROWS_BY_ID: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off";

/// For connections whose statements lock rows, on top of [`ROWS_BY_ID`]: a statement gives up a
/// lock that is held for longer than a placement takes, so that its transaction can do something
/// else meanwhile.
const ROWS_TO_LOCK: &str = "-c lock_timeout=50ms";

/// For the connection whose statements read many rows: how many, and so the best plan, depends on
/// the values. They do not take a second core from orders.
const MANY_ROWS: &str = "-c plan_cache_mode=force_custom_plan \
                         -c max_parallel_workers_per_gather=0";

/// For searches, on top of [`MANY_ROWS`]: nobody waits longer for a list.
const SEARCHES: &str = "-c statement_timeout=3s";

/// The most imports and exports at once.
const MAX_BULK: usize = 4;

/// The most connections that change existing rows.
const MAX_CHANGES: usize = 4;

/// The fewest connections that each thread may open: while one waits, another is of use.
const MIN_PER_THREAD: usize = 2;

/// The most connections that search.
const MAX_SEARCHES: usize = 4;

/// How long to wait before asking again for a lock that was not granted.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(50);

impl DatabaseSettings {
    /// Parses a connection URL. At most `max_connections` read, search and change rows, but at least
    /// two read in each thread (see [`Self::threads`]); as many are the desk's (see
    /// [`Self::desk_connections`]), one is for reports, one for revocations, four are for imports and
    /// exports, and each thread that reads products opens two more.
    ///
    /// # Errors
    ///
    /// When the URL is malformed, or the certificates that it names cannot be read. The error does
    /// not repeat the URL, which may hold a password.
    pub fn parse(url: &str, max_connections: usize) -> Result<Self, InvalidDatabaseUrl> {
        let (url, tls) = tls::split(url)?;
        let mut config: Config = url.parse().map_err(|_| InvalidDatabaseUrl::Malformed)?;
        if config.get_hosts().is_empty() {
            return Err(InvalidDatabaseUrl::Malformed);
        }
        if let Some(mode) = tls.mode {
            config.ssl_mode(mode);
        }
        config.connect_timeout(CONNECTION_TIMEOUT);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        config.keepalives_idle(SILENCE);
        config.keepalives_interval(Duration::from_secs(1));
        config.keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("balcao");
        }
        Ok(Self {
            config,
            tls: Arc::new(tls.config),
            max_connections,
            desk_connections: max_connections,
            threads: 1,
            lock_patience: CONNECTION_TIMEOUT,
        })
    }

    /// Divides the connections that read among this many threads.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// How long another transaction may keep a row locked before a change of it is given up.
    #[must_use]
    pub fn lock_patience(self, lock_patience: Duration) -> Self {
        Self {
            lock_patience,
            ..self
        }
    }

    /// Limits the desk to this many connections: one for each batch that it places at once.
    #[must_use]
    pub fn desk_connections(self, desk_connections: usize) -> Self {
        Self {
            desk_connections,
            ..self
        }
    }

    /// How a connection with these options is made; options of the URL come last, and so take
    /// precedence.
    fn session(&self, options: &str) -> Connector {
        let given = self.config.get_options().unwrap_or_default();
        let mut config = self.config.clone();
        config.options(format!("{EVERY_SESSION} {options} {given}").trim());
        Connector {
            config,
            tls: MakeRustlsConnect::new(ClientConfig::clone(&self.tls)),
        }
    }
}

impl Database {
    /// Creates the pools. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When a pool cannot be made.
    pub fn new(settings: &DatabaseSettings) -> Result<Self, StorageError> {
        let by_id = settings.session(ROWS_BY_ID);
        let locking = settings.session(&format!("{ROWS_BY_ID} {ROWS_TO_LOCK}"));
        let changes = (settings.max_connections / 2).clamp(1, MAX_CHANGES);
        let searches = (settings.max_connections / 4).clamp(1, MAX_SEARCHES);
        let reading = settings.max_connections.saturating_sub(changes + searches);
        Ok(Self {
            by_thread: Arc::default(),
            per_thread: reading.div_ceil(settings.threads).max(MIN_PER_THREAD),
            desk: pool(locking.clone(), settings.desk_connections)?,
            changes: pool(locking, changes)?,
            searches: pool(
                settings.session(&format!("{MANY_ROWS} {SEARCHES}")),
                searches,
            )?,
            revocations: pool(by_id.clone(), 1)?,
            reports: pool(settings.session(MANY_ROWS), 1)?,
            bulk: pool(settings.session(MANY_ROWS), MAX_BULK)?,
            by_id,
            lock_patience: settings.lock_patience,
        })
    }

    /// Whether PostgreSQL answers.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), StorageError> {
        let client = self.client().await?;
        client.batch_execute("select 1").await.map_err(storage)
    }

    /// How many connections the desk has open, including those in use.
    #[must_use]
    pub fn connections_of_the_desk(&self) -> usize {
        self.desk.status().size
    }

    /// The pools, as they are at this moment.
    pub fn pools(&self) -> impl Iterator<Item = PoolState> {
        let shared = [
            ("desk", &self.desk),
            ("changes", &self.changes),
            ("searches", &self.searches),
            ("revocations", &self.revocations),
            ("reports", &self.reports),
            ("bulk", &self.bulk),
        ];
        let reading = self.by_thread.iter().map(Pool::status);
        let reading = reading.fold(PoolState::of("reading"), PoolState::and);
        let state = |(name, pool): (_, &Pool)| PoolState::of(name).and(pool.status());
        std::iter::once(reading).chain(shared.map(state))
    }

    /// How a connection for statements that find their rows by id is made.
    pub(crate) fn by_id(&self) -> Connector {
        self.by_id.clone()
    }

    /// A connection of this thread.
    pub(crate) async fn client(&self) -> Result<Object, StorageError> {
        let connections = self
            .by_thread
            .get_or_try(|| pool(self.by_id.clone(), self.per_thread))?;
        connections.get().await.map_err(from_pool)
    }

    /// A connection of the desk.
    pub(crate) async fn desk_client(&self) -> Result<Object, StorageError> {
        self.desk.get().await.map_err(from_pool)
    }

    /// A connection for searches.
    pub(crate) async fn searches_client(&self) -> Result<Abandonable, StorageError> {
        let client = self.searches.get().await.map_err(from_pool)?;
        Ok(self.abandonable(client))
    }

    /// A connection for an import or an export.
    pub(crate) async fn bulk_client(&self) -> Result<Object, StorageError> {
        self.bulk.get().await.map_err(from_pool)
    }

    /// The connection for hearing of revocations.
    pub(crate) async fn revocations_client(&self) -> Result<Object, StorageError> {
        self.revocations.get().await.map_err(from_pool)
    }

    /// The connection for reports.
    pub(crate) async fn reports_client(&self) -> Result<Object, StorageError> {
        self.reports.get().await.map_err(from_pool)
    }

    /// A connection whose statement is cancelled when nobody waits for it any more.
    pub(crate) fn abandonable(&self, client: Object) -> Abandonable {
        Abandonable::new(client, self.by_id.tls.clone())
    }

    /// Runs `work`, which locks rows. When another transaction holds one of the locks for longer
    /// than a moment, `work` is retried from its beginning, and no connection is held in between: a
    /// row that stays locked delays only those who want to change it.
    pub(crate) async fn lock_patiently<T, F>(
        &self,
        work: impl Fn(Object) -> F,
    ) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let deadline = Instant::now() + self.lock_patience;
        loop {
            let client = self.changes.get().await.map_err(from_pool)?;
            match work(client).await {
                Err(error) if is_lock_not_available(&error) && Instant::now() < deadline => {}
                done => return done.map_err(storage),
            }
            tokio::time::sleep(LOCK_RETRY_INTERVAL).await;
        }
    }
}

/// A pool in which nothing is connected yet.
pub(crate) fn pool(connector: Connector, max_connections: usize) -> Result<Pool, StorageError> {
    let Connector { config, tls } = connector;
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Pool::builder(Manager::from_config(config, tls, recycling))
        .max_size(max_connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECTION_TIMEOUT))
        .create_timeout(Some(CONNECTION_TIMEOUT))
        .recycle_timeout(Some(CONNECTION_TIMEOUT))
        .build()
        .map_err(StorageError::internal)
}

#[cfg(test)]
mod tests;
