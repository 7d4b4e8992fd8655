//! Schema migrations, applied by one replica at a time.

use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use domain::StorageError;
use thiserror::Error;

use crate::{database::Database, error::storage};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The number of migrations embedded in this binary.
#[must_use]
pub fn embedded_migrations() -> usize {
    embedded::migrations::runner().get_migrations().len()
}

/// The advisory lock that a migrating replica holds: "balcao" in ASCII.
const LOCK: i64 = 0x0000_6261_6c63_616f;

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
    /// The database cannot be reached.
    #[error(transparent)]
    Storage(#[from] StorageError),
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
        // Taken out of the pool: whatever happens, dropping it ends the session and releases the
        // lock. A migration may read whole tables, and this connection plans its statements for
        // that.
        let mut client = Object::take(self.reports_client().await?);
        client
            .batch_execute("set statement_timeout = 0; set lock_timeout = 0")
            .await
            .map_err(storage)?;
        let start = Instant::now();
        // Polled instead of waited for: a session that waits for the lock holds a snapshot, which
        // would stall a `create index concurrently` elsewhere.
        while !self.try_lock(&client).await? {
            if start.elapsed() > PATIENCE {
                return Err(MigrationError::Busy);
            }
            tokio::time::sleep(INTERVAL).await;
        }
        let report = embedded::migrations::runner()
            .set_abort_divergent(true)
            .set_abort_missing(false)
            .run_async(&mut *client)
            .await
            .map_err(|error| MigrationError::Failed(Box::new(error)))?;
        Ok(report.applied_migrations().len())
    }

    async fn try_lock(
        &self,
        client: &deadpool_postgres::ClientWrapper,
    ) -> Result<bool, StorageError> {
        let row = client
            .query_one("select pg_try_advisory_lock($1)", &[&LOCK])
            .await
            .map_err(storage)?;
        row.try_get(0).map_err(StorageError::corrupt)
    }
}
