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
    /// Waits for the lock of this number.
    pub(crate) async fn acquire(client: Connection, number: i64) -> Result<Self, Error> {
        let key = key(&client, number);
        let transaction = begun(client).await?;
        let lock = format!("select pg_advisory_xact_lock({key})");
        statements::query(transaction.client(), &lock, &[]).await?;
        Ok(Self {
            _transaction: transaction,
        })
    }

    /// Takes the lock, unless somebody else has it.
    pub(crate) async fn try_acquire(
        client: Connection,
        number: i64,
    ) -> Result<Option<Self>, Error> {
        let key = key(&client, number);
        let transaction = begun(client).await?;
        if try_lock(transaction.client(), &key).await? {
            return Ok(Some(Self {
                _transaction: transaction,
            }));
        }
        transaction.roll_back().await?;
        Ok(None)
    }
}

/// The key of the lock of this number, as an expression of SQL. Each shop that has a schema of its own has its own
/// locks; those of a database are shared by all that is in it.
pub(crate) fn key(client: &Connection, number: i64) -> String {
    match client.schema() {
        Some(schema) => format!("hashtextextended('{}', {number})", schema.name()),
        None => number.to_string(),
    }
}

/// Takes the lock of this key until the end of the transaction, unless somebody else has it.
pub(crate) async fn try_lock(client: &Client, key: &str) -> Result<bool, Error> {
    let lock = format!("select pg_try_advisory_xact_lock({key})");
    let row = statements::query_one(client, &lock, &[]).await?;
    row.try_get(0)
}

async fn begun(client: Connection) -> Result<Transaction, Error> {
    let transaction = Transaction::on(client);
    transaction.client().begin().await?;
    transaction.client().batch_execute(UNBOUNDED).await?;
    Ok(transaction)
}
