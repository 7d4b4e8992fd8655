//! The connection pools.

mod settings;

pub use self::settings::{DatabaseSettings, InvalidDatabaseUrl, StandbySettings};

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::Status;
use domain::StorageError;
use thiserror::Error;
use thread_local::ThreadLocal;
use tokio::time::timeout;
use tokio_postgres::Error;

use crate::{
    connection::Connection,
    error::{TransactionError, column, is_away, is_lock_not_available, storage},
    pool::{Connector, Pool},
    schema::{self, SchemaError},
    session::{LaxSession, Sessions, Settings},
    standby::Standby,
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
    /// The same, for reading products, of which many are read at once.
    products_by_thread: Arc<ThreadLocal<Pool>>,
    /// How many of these connections each thread opens at most.
    per_thread: usize,
    /// Only for placing orders.
    desk: Pool,
    /// For what is written besides orders, which may have to wait for a lock, or for a standby.
    changes: Pool,
    /// For lists whose best plan depends on what is searched for.
    searches: Pool,
    /// Only for hearing of revocations, and of what replicas tell each other of the cache, which waits for nothing.
    revocations: Pool,
    /// For statements that read periods of time, or whole tables.
    reports: Pool,
    /// For imports and exports, which take as long as their clients.
    bulk: Pool,
    /// How connections like these are made.
    by_id: Connector,
    sessions: Sessions,
    patience: Duration,
    standby: Option<Arc<Standby>>,
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

    pub(crate) fn sum(name: &'static str, states: impl Iterator<Item = Self>) -> Self {
        states.fold(Self::of(name), |sum, state| Self {
            idle: sum.idle + state.idle,
            used: sum.used + state.used,
            waiting: sum.waiting + state.waiting,
            ..sum
        })
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

/// Why the sessions of a database are not as they must be.
#[derive(Debug, Error)]
pub enum SessionError {
    /// A setting is not what it must be.
    #[error(transparent)]
    Lax(#[from] LaxSession),
    /// What is not found in the schema of the shop would be found elsewhere.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// They cannot be asked.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl SessionError {
    /// Whether they can be asked as soon as PostgreSQL is there.
    #[must_use]
    pub fn is_away(&self) -> bool {
        is_away(self)
    }
}

/// The most imports and exports at once.
const MAX_BULK: usize = 4;

/// The most connections that write, besides those of the desk.
const MAX_CHANGES: usize = 4;

/// The fewest connections that each thread may open: while one waits, another is of use.
const MIN_PER_THREAD: usize = 2;

/// The most connections that search.
const MAX_SEARCHES: usize = 4;

/// How long to wait before asking again for a lock that was not granted.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// How often it is asked whether a server is still at what it was asked to do.
const WORK_INTERVAL: Duration = Duration::from_secs(5);

/// How often that may be asked in vain.
const MAX_UNKNOWN: usize = 3;

/// How long to wait for a connection to a standby: there is time left for the primary then.
const STANDBY_PATIENCE: Duration = Duration::from_millis(500);

impl Database {
    /// Creates the pools. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When a pool cannot be made.
    pub fn new(settings: &DatabaseSettings) -> Result<Self, StorageError> {
        let pool = |of: &Settings, most| Pool::new(settings.connector(of), most);
        let sessions = settings.sessions.clone();
        let (by_id, locking, many_rows) =
            (sessions.by_id(), sessions.locking(), sessions.many_rows());
        let changes = (settings.max_connections / 2).clamp(1, MAX_CHANGES);
        let searches = (settings.max_connections / 4).clamp(1, MAX_SEARCHES);
        let reading = settings.max_connections.saturating_sub(changes + searches);
        let standby = settings.standby.as_ref().map(|(standby, max_lag)| {
            let standby = Self::new(&DatabaseSettings {
                threads: settings.threads,
                patience: STANDBY_PATIENCE.min(settings.patience),
                ..DatabaseSettings::clone(&standby.0)
            });
            let beats = pool(&sessions.beats(), 1)?;
            Ok::<_, StorageError>(Arc::new(Standby::new(standby?, *max_lag, beats)))
        });
        Ok(Self {
            by_thread: Arc::default(),
            products_by_thread: Arc::default(),
            per_thread: reading.div_ceil(settings.threads).max(MIN_PER_THREAD),
            desk: pool(&locking, settings.desk_connections)?,
            changes: pool(&locking, changes)?,
            searches: pool(&sessions.searches(), searches)?,
            revocations: pool(&by_id, 1)?,
            reports: Pool::verified(settings.connector(&many_rows), 1)?,
            bulk: Pool::verified(settings.connector(&many_rows), MAX_BULK)?,
            by_id: settings.connector(&by_id),
            sessions,
            patience: settings.patience,
            standby: standby.transpose()?,
        })
    }

    /// The standby, if there is one.
    pub(crate) fn standby(&self) -> Option<&Standby> {
        self.standby.as_deref()
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

    /// Checks that no session waits for ever, that statements are planned as they must be (what stands between may
    /// have left that out), and that they find no other shop's tables.
    ///
    /// # Errors
    ///
    /// Which setting is wrong, or what is in the way, and what to do; or why the sessions cannot be asked.
    pub async fn check_sessions(&self) -> Result<(), SessionError> {
        const SETTINGS: &str = "
            select name, current_setting(name) as found
            from unnest($1::text[]) as name
            order by name";
        let settings = self.sessions.by_id();
        let client = self.client().await?;
        for row in &client.query(SETTINGS, &[&settings.names()]).await? {
            let (name, found) = (column(row, "name")?, column(row, "found")?);
            settings.check(name, found, self.sessions.pooling)?;
        }
        schema::check(&client).await?;
        match self.standby() {
            Some(standby) => standby.check_sessions().await,
            None => Ok(()),
        }
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
        let by_thread = |name, pools: &ThreadLocal<Pool>| {
            let states = pools.iter().map(Pool::status);
            states.fold(PoolState::of(name), PoolState::and)
        };
        let reading = [
            by_thread("reading", &self.by_thread),
            by_thread("products", &self.products_by_thread),
        ];
        let state = |(name, pool): (_, &Pool)| PoolState::of(name).and(pool.status());
        let standby = self.standby.iter().map(|standby| standby.pools());
        reading.into_iter().chain(shared.map(state)).chain(standby)
    }

    /// The connections with which this thread reads products.
    pub(crate) fn products(&self, most: usize) -> Result<Pool, StorageError> {
        let pool = || Pool::new(self.by_id.clone(), most);
        self.products_by_thread.get_or_try(pool).cloned()
    }

    /// A connection of this thread.
    pub(crate) async fn client(&self) -> Result<Connection, StorageError> {
        let connections = self
            .by_thread
            .get_or_try(|| Pool::new(self.by_id.clone(), self.per_thread))?;
        connections.get().await
    }

    /// A connection of the desk.
    pub(crate) async fn desk_client(&self) -> Result<Connection, StorageError> {
        self.desk.get().await
    }

    /// A connection for searches.
    pub(crate) async fn searches_client(&self) -> Result<Connection, StorageError> {
        self.searches.get().await
    }

    /// A connection for an import or an export.
    pub(crate) async fn bulk_client(&self) -> Result<Connection, StorageError> {
        self.bulk.get().await
    }

    /// The connection for hearing of revocations, and of what replicas tell each other of the cache.
    pub(crate) async fn revocations_client(&self) -> Result<Connection, StorageError> {
        self.revocations.get().await
    }

    /// The connection for reports.
    pub(crate) async fn reports_client(&self) -> Result<Connection, StorageError> {
        self.reports.get().await
    }

    /// Awaits what may take longer than any timeout, for as long as the server's session of this number is at it.
    pub(crate) async fn while_at_work<T>(
        &self,
        session: i64,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, TransactionError> {
        let mut work = pin!(work);
        let (mut idle, mut unknown) = (0, 0);
        loop {
            if let Ok(done) = timeout(WORK_INTERVAL, work.as_mut()).await {
                return Ok(done?);
            }
            match self.is_at_work(session).await {
                Ok(true) => (idle, unknown) = (0, 0),
                // It may have ended just now.
                Ok(false) if idle == 0 => idle = 1,
                Ok(false) => {
                    return Err(StorageError::unavailable("the server is not at it").into());
                }
                // There may have been no connection to ask over.
                Err(_) if unknown < MAX_UNKNOWN => unknown += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn is_at_work(&self, session: i64) -> Result<bool, StorageError> {
        const AT_WORK: &str = "
            select from pg_stat_activity where pid::bigint = $1 and state in ('active', 'disabled')";
        let client = self.client().await?;
        let found = client.query(AT_WORK, &[&session]).await?;
        Ok(!found.is_empty())
    }

    /// Runs `work`, which locks rows, or writes what another transaction may be writing. When another transaction holds one of the locks for longer
    /// than a moment, `work` is retried from its beginning, and no connection is held in between: a
    /// row that stays locked delays only those who want to change it.
    pub(crate) async fn lock_patiently<T, E, F>(
        &self,
        work: impl Fn(Connection) -> F,
    ) -> Result<T, TransactionError>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<TransactionError>,
    {
        let deadline = Instant::now() + self.patience;
        loop {
            let client = self.changes.get().await?;
            match work(client).await.map_err(Into::into) {
                Err(TransactionError::Failed(error))
                    if is_lock_not_available(&error) && Instant::now() < deadline => {}
                done => return done,
            }
            tokio::time::sleep(LOCK_RETRY_INTERVAL).await;
        }
    }
}
