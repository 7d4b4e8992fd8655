//! Closures of the cache that replicas share: the table `cache_closures`, a row for each.

use std::time::Duration;

use async_trait::async_trait;
use domain::{StorageError, cache::Closures};
use uuid::Uuid;

use crate::{database::Database, error::column, statements::Value};

const CLOSE: &str = "
    insert into cache_closures (id, closed_until)
    values ($1, now() + $2::bigint * interval '1 millisecond')
    on conflict (id) do update
    set closed_until = excluded.closed_until";

/// Those of replicas that are gone, too.
const OPEN: &str = "
    delete from cache_closures
    where id = any($1)
       or closed_until < now()";

const ARE_ANY: &str = "
    select exists (
        select
        from cache_closures
        where closed_until > now()
    ) as are_any";

/// How long an answer may take: one that comes later counts no more.
const PATIENCE: Duration = Duration::from_secs(1);

/// The closures in PostgreSQL.
pub struct PgClosures(Database);

impl PgClosures {
    /// The closures in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self(database.clone())
    }

    async fn tell(&self, statement: &str, values: &[&dyn Value]) -> Result<(), StorageError> {
        // Not one of those that change rows: whoever has one of these may be who waits for this.
        let client = self.0.revocations_client().await?;
        client.query_within(PATIENCE, statement, values).await?;
        Ok(())
    }
}

#[async_trait]
impl Closures for PgClosures {
    #[tracing::instrument(level = "debug", name = "db.cache_closures.close", skip_all)]
    async fn close(&self, id: Uuid, duration: Duration) -> Result<(), StorageError> {
        let milliseconds = i64::try_from(duration.as_millis()).map_err(StorageError::internal)?;
        self.tell(CLOSE, &[&id, &milliseconds]).await
    }

    #[tracing::instrument(level = "debug", name = "db.cache_closures.open", skip_all)]
    async fn open(&self, ids: &[Uuid]) -> Result<(), StorageError> {
        self.tell(OPEN, &[&ids.to_vec()]).await
    }

    #[tracing::instrument(level = "trace", name = "db.cache_closures.are_any", skip_all)]
    async fn are_any(&self) -> Result<bool, StorageError> {
        let client = self.0.revocations_client().await?;
        let rows = client.query_within(PATIENCE, ARE_ANY, &[]).await?;
        let row = rows.first();
        column(
            row.ok_or_else(|| StorageError::corrupt("no row"))?,
            "are_any",
        )
    }
}
