//! Schema migrations, applied by one replica at a time.

use std::time::{Duration, Instant};

use domain::StorageError;
use refinery_core::{
    Migration,
    traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction},
};
use thiserror::Error;

use crate::{
    advisory_lock::AdvisoryLock,
    connection::Connection,
    database::Database,
    error::{causes, column, is_away, is_lock_not_available, is_read_only, storage},
    schema::{self, SchemaError},
};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The number of migrations embedded in this binary.
#[must_use]
pub fn embedded_migrations() -> usize {
    embedded::migrations::runner().get_migrations().len()
}

/// The advisory lock that a migrating replica holds: "balcao" in ASCII.
pub(crate) const LOCK: i64 = 0x0000_6261_6c63_616f;

/// How long to wait for another replica to finish.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often to check whether it has finished.
const INTERVAL: Duration = Duration::from_millis(100);

/// Why the schema is not up to date.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// Another replica did not finish in time.
    #[error("another replica has been migrating for {} seconds", PATIENCE.as_secs())]
    Busy,
    /// A migration failed, or an applied one was edited later.
    #[error("a migration failed")]
    Failed(#[source] Box<refinery::Error>),
    /// There is no schema for the shop.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The database cannot be reached.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl MigrationError {
    /// Whether it can be tried again as soon as PostgreSQL is there.
    #[must_use]
    pub fn is_away(&self) -> bool {
        is_away(self)
    }
}

impl Database {
    /// Applies the pending migrations and returns how many there were. Replicas that start together
    /// do so one after the other; a schema newer than this binary's is left unchanged.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, another replica does not finish, or a migration
    /// fails; each migration is applied whole or not at all.
    pub async fn migrate(&self) -> Result<usize, MigrationError> {
        let start = Instant::now();
        // Polled instead of waited for: a session that waits for the lock holds a snapshot, which
        // would stall a `create index concurrently` elsewhere.
        let _held = loop {
            let client = self.client().await?;
            if let Some(lock) = AdvisoryLock::try_acquire(client, LOCK)
                .await
                .map_err(storage)?
            {
                break lock;
            }
            if start.elapsed() > PATIENCE {
                return Err(MigrationError::Busy);
            }
            tokio::time::sleep(INTERVAL).await;
        };
        // A migration may read whole tables, and this connection plans its statements for that.
        let mut migrating = Migrating(self.reports_client().await?);
        schema::make(&migrating.0).await?;
        let mut applied = 0;
        loop {
            let run = embedded::migrations::runner()
                .set_abort_divergent(true)
                .set_abort_missing(false)
                .run_async(&mut migrating)
                .await;
            match run {
                Ok(report) => return Ok(applied + report.applied_migrations().len()),
                Err(error) if is_locked_out(&error) && start.elapsed() < PATIENCE => {
                    let before = error.report().map_or(0, |it| it.applied_migrations().len());
                    applied += before;
                    tokio::time::sleep(INTERVAL).await;
                }
                // One that cannot be written to can be read.
                Err(error) if any(&error, is_read_only) && self.is_up_to_date().await? => {
                    return Ok(0);
                }
                Err(error) => return Err(MigrationError::Failed(Box::new(error))),
            }
        }
    }

    /// Whether nothing is pending.
    async fn is_up_to_date(&self) -> Result<bool, StorageError> {
        const LAST: &str = "select max(version) as last from refinery_schema_history";
        let migrations = embedded::migrations::runner();
        let migrations = migrations.get_migrations();
        let newest = migrations.iter().map(Migration::version).max();
        let rows = self.client().await?.query(LAST, &[]).await?;
        let row = rows
            .first()
            .ok_or_else(|| StorageError::corrupt("no row"))?;
        let last: Option<i32> = column(row, "last")?;
        Ok(last >= newest)
    }
}

/// The connection over which migrations run, each in a transaction that takes as long as it takes.
struct Migrating(Connection);

/// For the transaction alone: a pooler may give the next one another session. Orders wait behind a
/// migration that waits for a lock, so it gives up soon, and tries again.
const WHILE_IT_LASTS: &str = "
    set local statement_timeout = 0;
    set local lock_timeout = '2s'";

/// Whether another transaction, such as an export, held a lock for too long.
fn is_locked_out(error: &refinery::Error) -> bool {
    any(error, is_lock_not_available)
}

/// Whether the driver's error that led to this one is such.
fn any(error: &refinery::Error, is_such: impl Fn(&tokio_postgres::Error) -> bool) -> bool {
    causes(error).any(|error| error.downcast_ref().is_some_and(&is_such))
}

impl AsyncTransaction for Migrating {
    type Error = tokio_postgres::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        statements: T,
    ) -> Result<usize, Self::Error> {
        let transaction = self.0.transaction().await?;
        transaction.batch_execute(WHILE_IT_LASTS).await?;
        let mut count = 0;
        for statement in statements {
            transaction.batch_execute(statement).await?;
            count += 1;
        }
        transaction.commit().await?;
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Migrating {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, Self::Error> {
        AsyncQuery::query(self.0.as_mut(), query).await
    }
}

impl AsyncMigrate for Migrating {}
