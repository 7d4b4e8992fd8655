//! What replicas tell each other of the cache that they share: the tables `cache_closures`, a row for each
//! closure, and `cache_server`, one row.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    StorageError,
    cache::{Coordination, Heard, SharedServer},
};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{database::Database, error::column, statements::Value};

const CLOSE: &str = "
    insert into cache_closures (id, parts, closed_until)
    values ($1, $2::bigint, now() + $3::bigint * interval '1 millisecond')
    on conflict (id) do update
    set closed_until = excluded.closed_until";

/// Those of replicas that are gone, too.
const OPEN: &str = "
    delete from cache_closures
    where id = any($1)
       or closed_until < now()";

const HEARD: &str = "
    select pg_is_in_recovery() as is_standby,
           coalesce(closures.closed, 0) as closed,
           cache_server.generation,
           cache_server.server,
           (extract(epoch from now() - cache_server.agreed_at) * 1000)::bigint as agreed
    from (
        select bit_or(parts) as closed
        from cache_closures
        where closed_until > now()
    ) as closures
    left join cache_server on true";

const SHARE: &str = "
    insert into cache_server (generation, server, agreed_at)
    values (1, $1, now())
    on conflict (id) do nothing";

/// A clock that was set back is no reason to wait for longer.
const SHARE_INSTEAD: &str = "
    update cache_server
    set generation = generation + 1, server = $1::text, agreed_at = now()
    where generation = $2::bigint
      and agreed_at not between now() - $3::bigint * interval '1 millisecond' and now()";

/// How long an answer may take: one that comes later counts no more.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is told through PostgreSQL.
pub struct PgCoordination(Database);

impl PgCoordination {
    /// What is told in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self(database.clone())
    }

    async fn ask(&self, statement: &str, values: &[&dyn Value]) -> Result<Vec<Row>, StorageError> {
        // Not one of those that change rows: whoever has one of these may be who waits for this.
        let client = self.0.revocations_client().await?;
        client.query_within(PATIENCE, statement, values).await
    }
}

fn milliseconds(duration: Duration) -> Result<i64, StorageError> {
    i64::try_from(duration.as_millis()).map_err(StorageError::internal)
}

fn heard(row: &Row) -> Result<Heard, StorageError> {
    if column(row, "is_standby")? {
        // It may not know yet what is told, and would load what is old.
        return Err(StorageError::unavailable("this is a standby"));
    }
    let closed: i64 = column(row, "closed")?;
    let server = match column(row, "generation")? {
        Some(generation) => Some(SharedServer {
            generation,
            id: column(row, "server")?,
            agreed: Duration::from_millis(
                u64::try_from(column::<i64>(row, "agreed")?).unwrap_or(0),
            ),
        }),
        None => None,
    };
    Ok(Heard {
        closed: closed.cast_unsigned(),
        server,
    })
}

#[async_trait]
impl Coordination for PgCoordination {
    #[tracing::instrument(level = "debug", name = "db.cache_closures.close", skip_all)]
    async fn close(&self, id: Uuid, parts: u64, duration: Duration) -> Result<(), StorageError> {
        let duration = milliseconds(duration)?;
        self.ask(CLOSE, &[&id, &parts.cast_signed(), &duration])
            .await?;
        Ok(())
    }

    #[tracing::instrument(level = "debug", name = "db.cache_closures.open", skip_all)]
    async fn open(&self, ids: &[Uuid]) -> Result<(), StorageError> {
        self.ask(OPEN, &[&ids.to_vec()]).await?;
        Ok(())
    }

    #[tracing::instrument(level = "trace", name = "db.cache_closures.heard", skip_all)]
    async fn heard(&self) -> Result<Heard, StorageError> {
        let rows = self.ask(HEARD, &[]).await?;
        heard(
            rows.first()
                .ok_or_else(|| StorageError::corrupt("no row"))?,
        )
    }

    #[tracing::instrument(level = "debug", name = "db.cache_server.share", skip_all)]
    async fn share(
        &self,
        server: &str,
        instead_of: Option<i64>,
        patience: Duration,
    ) -> Result<(), StorageError> {
        match instead_of {
            None => self.ask(SHARE, &[&server]).await?,
            Some(generation) => {
                let patience = milliseconds(patience)?;
                self.ask(SHARE_INSTEAD, &[&server, &generation, &patience])
                    .await?
            }
        };
        Ok(())
    }
}
