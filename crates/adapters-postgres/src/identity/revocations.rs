//! Revocations: the table `revocations`, which a trigger fills.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    StorageError,
    identity::{Revocations, Revoked, RevokedSince, RevokedUpTo, SessionId},
};
use uuid::Uuid;

use super::PgSessions;
use crate::error::column;

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

/// How long the first reading may take.
const AT_FIRST: Duration = Duration::from_secs(10);

/// How long any other answer may take. Whatever is told is as of the moment of asking.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

#[async_trait]
impl Revocations for PgSessions {
    #[tracing::instrument(level = "trace", name = "db.revocations.since", skip_all)]
    async fn since(&self, since: RevokedSince) -> Result<Revoked, StorageError> {
        let client = self.database.revocations_client().await?;
        let rows = match since {
            RevokedSince::Moment(moment) => {
                client
                    .query_within(AT_FIRST, SINCE_MOMENT, &[&moment])
                    .await?
            }
            RevokedSince::Reading(RevokedUpTo(up_to)) => {
                client
                    .query_within(PATIENCE, SINCE_READING, &[&up_to.to_string()])
                    .await?
            }
        };
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
        let rows = client
            .query_within(PATIENCE, IS_LIVE, &[&id.as_uuid()])
            .await?;
        Ok(!rows.is_empty())
    }
}
