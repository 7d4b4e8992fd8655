//! Revocations: the table `revocations`, which a trigger fills.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    StorageError,
    identity::{Revocations, Revoked, RevokedSince, RevokedUpTo, SessionId},
};
use tokio::time::timeout;
use uuid::Uuid;

use super::PgSessions;
use crate::{
    error::{column, storage},
    statements::{query, query_opt},
};

const SINCE_MOMENT: &str = "
    select pg_snapshot_xmin(pg_current_snapshot())::text as up_to, id
    from (values (1)) as once
    left join revocations on revoked_at >= $1";

/// Every transaction before `xmin` of a snapshot has ended, and the snapshot shows what it did; what
/// the others will have done is of that transaction or of a later one (PostgreSQL manual, section
/// 9.27.8).
const SINCE_READING: &str = "
    select pg_snapshot_xmin(pg_current_snapshot())::text as up_to, id
    from (values (1)) as once
    left join revocations on revoked_in >= $1::text::xid8";

const IS_LIVE: &str = "
    select 1
    from sessions
    where id = $1";

/// How long an answer may take. Whatever is told is as of the moment of asking.
const PATIENCE: Duration = Duration::from_secs(1);

#[async_trait]
impl Revocations for PgSessions {
    #[tracing::instrument(level = "trace", name = "db.revocations.since", skip_all)]
    async fn since(&self, since: RevokedSince) -> Result<Revoked, StorageError> {
        let rows = async {
            let client = self.database.revocations_client().await?;
            let rows = match since {
                RevokedSince::Moment(moment) => query(&client, SINCE_MOMENT, &[&moment]).await,
                RevokedSince::Reading(RevokedUpTo(up_to)) => {
                    query(&client, SINCE_READING, &[&up_to.to_string()]).await
                }
            };
            rows.map_err(storage)
        };
        let rows = timeout(PATIENCE, rows).await;
        let rows = rows.map_err(StorageError::unavailable)??;
        let ids = rows.iter().map(|row| column::<Option<Uuid>>(row, "id"));
        let up_to = rows.first().map(|row| column::<&str>(row, "up_to"));
        let up_to = up_to.ok_or_else(|| StorageError::corrupt("no snapshot"))??;
        Ok(Revoked {
            ids: ids
                .filter_map(Result::transpose)
                .collect::<Result<_, _>>()?,
            up_to: RevokedUpTo(up_to.parse().map_err(StorageError::corrupt)?),
        })
    }

    #[tracing::instrument(level = "debug", name = "db.sessions.is_live", skip_all)]
    async fn is_live(&self, id: SessionId) -> Result<bool, StorageError> {
        let client = self.database.client().await?;
        let row = query_opt(&client, IS_LIVE, &[&id.as_uuid()]).await;
        Ok(row.map_err(storage)?.is_some())
    }
}
