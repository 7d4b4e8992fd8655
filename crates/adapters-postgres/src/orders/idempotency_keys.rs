//! Removing old idempotency keys.

use async_trait::async_trait;
use domain::{StorageError, orders::IdempotencyKeys};
use time::OffsetDateTime;

use super::PgOrders;
use crate::{error::TransactionError, statements::Value};

/// A key is written once and never updated, so its row stays in place until it is removed.
const REMOVE_BEFORE: [&str; 3] = [
    "
    delete from idempotency_keys
    where ctid = any(array(
        select ctid
        from idempotency_keys
        where created_at < $1
        order by created_at
        limit $2
    ))",
    "
    delete from creation_keys
    where ctid = any(array(
        select ctid
        from creation_keys
        where created_at < $1
        order by created_at
        limit $2
    ))",
    "
    delete from import_keys
    where ctid = any(array(
        select ctid
        from import_keys
        where created_at < $1
        order by created_at
        limit $2
    ))",
];

#[async_trait]
impl IdempotencyKeys for PgOrders {
    #[tracing::instrument(level = "debug", name = "db.idempotency_keys.remove_before", skip_all)]
    async fn remove_before(&self, moment: OffsetDateTime, limit: u32) -> Result<u64, StorageError> {
        let client = self.database.client().await?;
        let removed = async {
            let mut removed = 0;
            for statement in REMOVE_BEFORE {
                let values: [&dyn Value; 2] = [&moment, &i64::from(limit)];
                removed += client.execute(statement, &values).await?;
            }
            Ok::<_, TransactionError>(removed)
        };
        Ok(removed.await?)
    }
}
