//! Runs one prepared statement. If a table has changed since the statement was prepared, the
//! connection's statements are prepared again, and it runs once more: that is all that a migration
//! costs a running server.

use deadpool_postgres::Object;
use tokio_postgres::{Error, Row, types::ToSql};

use crate::error::is_stale_statement;

/// The rows that a statement finds. Not for use within a transaction, which a failure ends.
pub(crate) async fn query(
    client: &Object,
    statement: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    match try_query(client, statement, params).await {
        Err(error) if is_stale_statement(&error) => {
            client.statement_cache.clear();
            try_query(client, statement, params).await
        }
        done => done,
    }
}

/// The row that a statement finds, if there is one.
pub(crate) async fn query_opt(
    client: &Object,
    statement: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Option<Row>, Error> {
    let rows = query(client, statement, params).await?;
    Ok(rows.into_iter().next())
}

async fn try_query(
    client: &Object,
    statement: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    let prepared = client.prepare_cached(statement).await?;
    client.query(&prepared, params).await
}
