//! Closures of the cache that replicas share: the table `cache_closures`, a row for each replica that
//! cannot write to it.

use std::time::Duration;

use async_trait::async_trait;
use domain::{StorageError, cache::Closures};
use uuid::Uuid;

use crate::{
    database::Database,
    error::{column, storage},
    statements::Value,
};

const CLOSE: &str = "
    insert into cache_closures (replica_id, closed_until)
    values ($1, now() + $2::bigint * interval '1 millisecond')
    on conflict (replica_id) do update
    set closed_until = excluded.closed_until";

/// Those of replicas that are gone, too.
const OPEN: &str = "
    delete from cache_closures
    where replica_id = $1
       or closed_until < now()";

const ARE_ANY: &str = "
    select exists (
        select
        from cache_closures
        where closed_until > now()
    ) as are_any";

/// How long an answer may take: one that comes later counts no more.
const PATIENCE: Duration = Duration::from_secs(1);

/// The closures in PostgreSQL, on behalf of one replica.
pub struct PgClosures {
    database: Database,
    replica_id: Uuid,
}

impl PgClosures {
    /// On behalf of the replica with this id, which no other one has.
    #[must_use]
    pub fn new(database: &Database, replica_id: Uuid) -> Self {
        Self {
            database: database.clone(),
            replica_id,
        }
    }
}

#[async_trait]
impl Closures for PgClosures {
    #[tracing::instrument(level = "debug", name = "db.cache_closures.close", skip_all)]
    async fn close(&self, duration: Duration) -> Result<(), StorageError> {
        let client = self.database.client().await?;
        let milliseconds = i64::try_from(duration.as_millis()).map_err(StorageError::internal)?;
        let row: [&dyn Value; 2] = [&self.replica_id, &milliseconds];
        client.execute(CLOSE, &row).await.map_err(storage)?;
        Ok(())
    }

    #[tracing::instrument(level = "debug", name = "db.cache_closures.open", skip_all)]
    async fn open(&self) -> Result<(), StorageError> {
        let client = self.database.client().await?;
        let of = &self.replica_id;
        client.execute(OPEN, &[of]).await.map_err(storage)?;
        Ok(())
    }

    #[tracing::instrument(level = "trace", name = "db.cache_closures.are_any", skip_all)]
    async fn are_any(&self) -> Result<bool, StorageError> {
        let client = self.database.revocations_client().await?;
        let rows = client.query_within(PATIENCE, ARE_ANY, &[]).await?;
        let row = rows.first();
        column(
            row.ok_or_else(|| StorageError::corrupt("no row"))?,
            "are_any",
        )
    }
}
