//! A transaction that owns its connection, for units of work that outlive a function.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    StorageError,
    unit_of_work::{CommitError, UnitOfWork},
};
use futures_util::{
    FutureExt,
    future::{join, try_join, try_join_all},
};
use tokio::{task::yield_now, time::timeout};
use tokio_postgres::{Client, Error, Row};

use crate::{
    connection::Connection,
    error::{TransactionError, is_aborted, is_outdated, is_stale_statement, is_taken, storage},
    statements::{Statement, Value},
};

/// Awaits a statement that was sent behind another one of its transaction. If it was not run because
/// that one had failed, this is told a moment later. Both answers may arrive between two looks at
/// them, the first after the other one's; and it is the first that says what is wrong.
pub(crate) async fn behind<T>(
    statement: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    told_later(statement, is_aborted).await
}

async fn told_later<T, E>(
    work: impl Future<Output = Result<T, E>>,
    is_no_cause: impl Fn(&E) -> bool,
) -> Result<T, E> {
    // Boxed: these are joined within others, all of which would grow.
    let done = Box::pin(work).await;
    if done.as_ref().is_err_and(is_no_cause) {
        yield_now().await;
    }
    done
}

/// Awaits what PostgreSQL does, for no longer than somebody waits for it.
pub(crate) async fn in_time<T, E: Into<TransactionError>>(
    patience: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, TransactionError> {
    // Boxed, so that the others are no larger for it.
    match timeout(patience, Box::pin(work)).await {
        Ok(done) => done.map_err(Into::into),
        Err(late) => Err(StorageError::unavailable(late).into()),
    }
}

/// Prepares statements that [`execute_all`] sends.
pub(crate) async fn prepare_all(
    client: &Connection,
    statements: &[&'static str],
) -> Result<Vec<Statement>, Error> {
    let mut prepared = Vec::with_capacity(statements.len());
    for statement in statements {
        prepared.push(client.prepare(statement).await?);
    }
    Ok(prepared)
}

/// Sends every statement of a transaction at once.
pub(crate) async fn execute_all(
    client: &Client,
    statements: &[Statement],
    params: &[&[&dyn Value]],
) -> Result<(), Error> {
    let executed = statements
        .iter()
        .zip(params)
        .map(|(statement, params)| behind(statement.execute(client, params)));
    try_join_all(executed).await?;
    Ok(())
}

/// An open transaction. If it is dropped before it has ended, its connection is closed and does not
/// return to the pool: PostgreSQL then rolls back and releases every lock.
pub(crate) struct Transaction {
    /// Taken only by `drop`.
    client: Option<Connection>,
    ended: AtomicBool,
}

impl Transaction {
    /// Takes over a connection on which a transaction is about to begin.
    pub(crate) fn on(client: Connection) -> Self {
        Self {
            client: Some(client),
            ended: AtomicBool::new(false),
        }
    }

    pub(crate) fn client(&self) -> &Connection {
        self.client
            .as_ref()
            .unwrap_or_else(|| unreachable!("taken by drop alone"))
    }

    /// Begins a transaction and locks one row, as [`Self::lock_all`] does.
    pub(crate) async fn lock(
        client: Connection,
        statement: &'static str,
        params: &[&dyn Value],
    ) -> Result<(Self, Option<Row>), TransactionError> {
        let (transaction, rows) = Self::lock_all(client, statement, params).await?;
        Ok((transaction, rows.into_iter().next()))
    }

    /// Begins a transaction and runs a statement that locks rows; a statement that became outdated by
    /// a change of its table is prepared again.
    pub(crate) async fn lock_all(
        client: Connection,
        statement: &'static str,
        params: &[&dyn Value],
    ) -> Result<(Self, Vec<Row>), TransactionError> {
        let patience = client.patience();
        in_time(patience, Self::on(client).locked(statement, params)).await
    }

    async fn locked(
        self,
        statement: &'static str,
        params: &[&dyn Value],
    ) -> Result<(Self, Vec<Row>), Error> {
        let client = self.client();
        let lock = async || {
            let lock = client.prepare(statement).await?;
            let locked = behind(lock.query(client, params));
            let ((), rows) = try_join(client.begin(), locked).await?;
            Ok(rows)
        };
        let rows = match lock().await {
            Err(error) if is_stale_statement(&error) => {
                client.batch_execute("rollback").await?;
                client.forget_statements();
                lock().await
            }
            Err(error) => {
                // The connection is good, and is needed for the next attempt.
                self.roll_back().await?;
                return Err(error);
            }
            locked => locked,
        };
        Ok((self, rows?))
    }

    /// Runs `writes` on this connection and commits, in one round trip. When a write fails, the
    /// server turns the commit behind it into a rollback: all of it or nothing.
    async fn commit_after<W>(&self, writes: W) -> Result<(), Error>
    where
        W: Future<Output = Result<(), Error>>,
    {
        let mut writes = std::pin::pin!(writes);
        // The first poll sends every statement. One that could not be sent would not stop the
        // commit behind it, so the commit is sent only once all of them are sent.
        match writes.as_mut().now_or_never() {
            Some(Err(unsent)) => Err(unsent),
            Some(Ok(())) => self.end("commit").await,
            None => {
                let (written, ended) = join(writes, self.end("commit")).await;
                written.and(ended)
            }
        }
    }

    /// Rolls back the transaction, which has written nothing; within bounds of its caller's.
    pub(crate) async fn roll_back(&self) -> Result<(), Error> {
        self.end("rollback").await
    }

    /// The same, for no longer than somebody waits.
    pub(crate) async fn abandon(&self) -> Result<(), TransactionError> {
        in_time(self.client().patience(), self.roll_back()).await
    }

    /// Leaves the connection to a commit that does not end, whose outcome is unknown.
    fn give_up(mut self: Box<Self>) {
        if let Some(client) = self.client.take() {
            client.leave_to_its_commit();
        }
    }

    async fn end(&self, how: &str) -> Result<(), Error> {
        self.client().batch_execute(how).await?;
        self.ended.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && !self.ended.load(Ordering::Relaxed)
        {
            client.close();
        }
    }
}

/// A plan of a unit of work that can be written to PostgreSQL.
pub(crate) trait WritePlan: Send + Sync + 'static {
    type Statements: Send + Sync;

    /// Prepares the statements that [`Self::write`] sends.
    fn prepare(
        &self,
        client: &Connection,
    ) -> impl Future<Output = Result<Self::Statements, Error>> + Send;

    /// Sends every write at once when it is first polled.
    fn write(
        &self,
        client: &Client,
        statements: &Self::Statements,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

#[async_trait]
impl<P: WritePlan> UnitOfWork<P> for Transaction {
    async fn commit(self: Box<Self>, plan: &P) -> Result<(), CommitError> {
        let patience = self.client().patience();
        let commit = async {
            let client = self.client();
            let statements = plan.prepare(client).await?;
            self.commit_after(plan.write(client, &statements)).await
        };
        let Ok(committed) = timeout(patience, commit).await else {
            self.give_up();
            return Err(StorageError::from(TransactionError::Undecided).into());
        };
        committed.map_err(|error| {
            let (is_outdated, is_taken) = (is_outdated(&error), is_taken(&error));
            let error = storage(error);
            if is_outdated {
                CommitError::Outdated(error)
            } else if is_taken {
                CommitError::Taken(error)
            } else {
                error.into()
            }
        })
    }

    async fn abandon(self: Box<Self>) -> Result<(), StorageError> {
        Ok(Transaction::abandon(&self).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    #[tokio::test]
    async fn the_cause_of_a_failure_is_told_and_not_what_came_of_it() {
        // Its answer arrives just after one has looked for it.
        let mut has_looked = false;
        let cause = poll_fn(|context| {
            if std::mem::replace(&mut has_looked, true) {
                return Poll::Ready(Err::<(), _>("taken"));
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        let not_run = async { Err::<(), _>("aborted") };
        let not_run = told_later(not_run, |error| *error == "aborted");
        assert_eq!(try_join(cause, not_run).await, Err("taken"));
    }
}
