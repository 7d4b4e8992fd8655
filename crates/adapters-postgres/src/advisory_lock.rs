//! What only one replica may do at a time.

use tokio_postgres::{Client, Error};

use crate::{connection::Connection, statements, transaction::Transaction};

/// An advisory lock (PostgreSQL manual, section 13.3.5), held until this is dropped. It lives in a
/// transaction on a connection of its own, which a pooler in between cannot give to anybody else.
pub(crate) struct AdvisoryLock {
    /// Closed when it is dropped.
    _transaction: Transaction,
}

/// It may be waited for, and held, for longer than statements and transactions take.
const UNBOUNDED: &str = "
    set local statement_timeout = 0;
    set local lock_timeout = 0;
    set local idle_in_transaction_session_timeout = 0";

impl AdvisoryLock {
    /// Waits for the lock.
    pub(crate) async fn acquire(client: Connection, key: i64) -> Result<Self, Error> {
        let transaction = begun(client).await?;
        let client = transaction.client();
        statements::query(client, "select pg_advisory_xact_lock($1)", &[&key]).await?;
        Ok(Self {
            _transaction: transaction,
        })
    }

    /// Takes the lock, unless somebody else has it.
    pub(crate) async fn try_acquire(client: Connection, key: i64) -> Result<Option<Self>, Error> {
        let transaction = begun(client).await?;
        if try_lock(transaction.client(), key).await? {
            return Ok(Some(Self {
                _transaction: transaction,
            }));
        }
        transaction.abandon().await?;
        Ok(None)
    }
}

/// Takes the lock until the end of the transaction, unless somebody else has it.
pub(crate) async fn try_lock(client: &Client, key: i64) -> Result<bool, Error> {
    const TRY: &str = "select pg_try_advisory_xact_lock($1)";
    let row = statements::query_one(client, TRY, &[&key]).await?;
    row.try_get(0)
}

async fn begun(client: Connection) -> Result<Transaction, Error> {
    let transaction = Transaction::on(client);
    transaction.client().begin().await?;
    transaction.client().batch_execute(UNBOUNDED).await?;
    Ok(transaction)
}
