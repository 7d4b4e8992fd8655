//! Pooled connections. What differs between one of our own and one that a pooler shares out is
//! decided here, and by [`Session`].

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::Object;
use domain::StorageError;
use futures_util::future::join3;
use tokio::{runtime::Handle, time::timeout};
use tokio_postgres::{Client, Error, Row, Transaction};

use crate::{
    error::{TransactionError, is_stale_statement, storage},
    given_up::{Server, close, leave_to_its_commit, settle},
    schema::Schema,
    session::{LONGEST_STATEMENT, Pooling, Session},
    statements::{self, Statement, Value, untyped},
    transaction::{behind, in_time},
};

/// How long to wait for a new connection, or for an answer that says that one is good.
pub(crate) const CONNECTION_TIMEOUT: Duration = Duration::from_millis(1_500);

/// A connection, which goes back to its pool when it is dropped: at once, or when the statement has ended that
/// somebody does not wait for any more.
pub(crate) struct Connection {
    /// Taken only at the end.
    client: Option<Object>,
    session: Arc<Session>,
    server: Arc<Server>,
    /// What was sent and not waited for to its end.
    pending: AtomicUsize,
    /// Whether that may be a commit.
    is_committing: AtomicBool,
    /// Whether what a pooler keeps prepared is outdated.
    is_outdated: AtomicBool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let is_quiet = *self.pending.get_mut() == 0;
        let Some(client) = self.client.take() else {
            return;
        };
        if is_quiet {
            return;
        }
        let (server, by_request) = (Arc::clone(&self.server), self.cancels_by_request());
        let is_committing = *self.is_committing.get_mut();
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    if is_committing {
                        leave_to_its_commit(client, &server).await;
                    } else {
                        settle(client, &server, by_request).await;
                    }
                });
            }
            Err(_) => close(client),
        }
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.pooled()
    }
}

impl AsMut<Client> for Connection {
    fn as_mut(&mut self) -> &mut Client {
        self.pooled_mut()
    }
}

impl Connection {
    /// A connection of a pool, on which nothing is pending.
    pub(crate) const fn new(client: Object, session: Arc<Session>, server: Arc<Server>) -> Self {
        Self {
            client: Some(client),
            session,
            server,
            pending: AtomicUsize::new(0),
            is_committing: AtomicBool::new(false),
            is_outdated: AtomicBool::new(false),
        }
    }

    /// Whether what one transaction leaves in the session is there for the next one.
    pub(crate) fn keeps_session(&self) -> bool {
        !matches!(self.session.pooling, Pooling::Transaction { .. })
    }

    /// The schema of the shop, if it has one of its own.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.session.schema.as_ref()
    }

    /// How long a commit may take.
    pub(crate) fn patience(&self) -> Duration {
        self.session.patience
    }

    fn pooled(&self) -> &Object {
        match &self.client {
            Some(client) => client,
            None => unreachable!("taken at the end alone"),
        }
    }

    fn pooled_mut(&mut self) -> &mut Object {
        match &mut self.client {
            Some(client) => client,
            None => unreachable!("taken at the end alone"),
        }
    }

    /// Waits for the answer to what is sent when this is first polled. Whoever stops waiting leaves the connection to
    /// [`settle`].
    async fn answer<T>(&self, answer: impl Future<Output = T>) -> T {
        self.pending.fetch_add(1, Ordering::Relaxed);
        let answer = answer.await;
        self.answered();
        answer
    }

    fn answered(&self) {
        self.pending.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a statement is cancelled by a request, or else by closing the connection.
    fn cancels_by_request(&self) -> bool {
        self.session.pooling == Pooling::Direct
    }

    /// Closes the connection: it does not go back to its pool.
    pub(crate) fn close(mut self) {
        if let Some(client) = self.client.take() {
            close(client);
        }
    }

    /// A statement that is sent often, prepared unless the session may be another one by then.
    pub(crate) async fn prepare(&self, statement: &'static str) -> Result<Statement, Error> {
        if self.is_preparing() {
            let prepared = self.answer(self.pooled().prepare_cached(statement));
            Ok(Statement::Named(prepared.await?))
        } else {
            Ok(Statement::Unnamed(statement))
        }
    }

    /// Whether what is sent often is prepared.
    fn is_preparing(&self) -> bool {
        self.session.is_preparing() && !self.is_outdated.load(Ordering::Relaxed)
    }

    /// Forgets the statements that were prepared: their tables have changed. A pooler does not forget them, and would
    /// give back what it has for the same text: they are sent whole for now.
    pub(crate) fn forget_statements(&self) {
        self.pooled().statement_cache.clear();
        let is_shared = !self.keeps_session();
        self.is_outdated.store(is_shared, Ordering::Relaxed);
    }

    /// Runs statements without values; sent when this is first polled.
    pub(crate) async fn batch_execute(&self, statements: &str) -> Result<(), Error> {
        self.answer(Client::batch_execute(self, statements)).await
    }

    /// Begins a transaction, whatever the database's default is; sent when this is first polled.
    pub(crate) async fn begin(&self) -> Result<(), Error> {
        self.batch_execute(&self.session.begin).await
    }

    /// A transaction that lasts no longer than a function, and is rolled back when it is dropped.
    pub(crate) async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        let session = Arc::clone(&self.session);
        let transaction = Client::transaction(self.pooled_mut()).await?;
        if let Some(local) = &session.local {
            transaction.batch_execute(local).await?;
        }
        Ok(transaction)
    }

    /// Runs `work` in a transaction, and commits. Neither takes longer than somebody waits; a commit that does not end
    /// is left to itself, and the connection with it.
    pub(crate) async fn in_transaction<T>(
        mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, TransactionError> {
        let patience = self.patience();
        *self.pending.get_mut() += 1;
        let worked = in_time(patience, async {
            let transaction = self.transaction().await?;
            match work(transaction.client()).await {
                Ok(done) => Ok((transaction, done)),
                Err(error) => {
                    // The connection is good, and is needed for the next attempt.
                    transaction.rollback().await?;
                    Err(error)
                }
            }
        });
        let ended = match worked.await {
            Ok((transaction, done)) => match timeout(patience, transaction.commit()).await {
                Ok(committed) => committed.map(|()| done).map_err(Into::into),
                Err(_) => Err(TransactionError::Undecided),
            },
            Err(error) => Err(error),
        };
        match &ended {
            Err(TransactionError::Undecided) => self.leave_to_its_commit(),
            Err(TransactionError::Unreached(_)) => {}
            Ok(_) | Err(TransactionError::Failed(_)) => self.answered(),
        }
        ended
    }

    /// See [`leave_to_its_commit`].
    pub(crate) fn leave_to_its_commit(mut self) {
        *self.pending.get_mut() += 1;
        *self.is_committing.get_mut() = true;
    }

    /// The rows that a statement finds, outside a transaction. If a table has changed since it was
    /// prepared, the connection's statements are prepared again, and it runs once more: that is all
    /// that a migration costs a running server.
    pub(crate) async fn query(
        &self,
        statement: &str,
        values: &[&dyn Value],
    ) -> Result<Vec<Row>, StorageError> {
        Ok(in_time(self.session.longest, self.rows(statement, values)).await?)
    }

    async fn rows(&self, statement: &str, values: &[&dyn Value]) -> Result<Vec<Row>, Error> {
        let rows = async {
            match self.try_query(statement, values).await {
                Err(error) if is_stale_statement(&error) => {
                    self.forget_statements();
                    self.try_query(statement, values).await
                }
                done => done,
            }
        };
        self.answer(rows).await
    }

    /// The same, within another time. A connection over which no answer comes is closed at once: the next one may
    /// get through.
    pub(crate) async fn query_within(
        self,
        patience: Duration,
        statement: &str,
        values: &[&dyn Value],
    ) -> Result<Vec<Row>, StorageError> {
        match timeout(patience, Box::pin(self.rows(statement, values))).await {
            Ok(rows) => rows.map_err(storage),
            Err(late) => {
                self.close();
                Err(StorageError::unavailable(late))
            }
        }
    }

    /// The row that a statement finds, if there is one, outside a transaction.
    pub(crate) async fn query_opt(
        &self,
        statement: &str,
        values: &[&dyn Value],
    ) -> Result<Option<Row>, StorageError> {
        let rows = self.query(statement, values).await?;
        Ok(rows.into_iter().next())
    }

    /// How many rows a statement changes, outside a transaction.
    pub(crate) async fn execute(
        &self,
        statement: &'static str,
        values: &[&dyn Value],
    ) -> Result<u64, TransactionError> {
        let executed = async {
            let prepared = self.prepare(statement).await?;
            self.alone(prepared.execute(self, values)).await
        };
        self.is_committing.store(true, Ordering::Relaxed);
        let executed = in_time(LONGEST_STATEMENT, self.answer(executed)).await;
        if !matches!(executed, Err(TransactionError::Unreached(_))) {
            self.is_committing.store(false, Ordering::Relaxed);
        }
        executed
    }

    async fn try_query(&self, statement: &str, values: &[&dyn Value]) -> Result<Vec<Row>, Error> {
        if self.is_preparing() {
            let prepared = self.pooled().prepare_cached(statement).await?;
            let values = untyped(values);
            self.alone(Client::query(self, &prepared, &values)).await
        } else {
            self.alone(statements::query(self, statement, values)).await
        }
    }

    /// Sends a statement, within a transaction of its own if its settings need one: in the same
    /// round trip.
    async fn alone<T>(
        &self,
        statement: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if self.session.local.is_none() {
            return statement.await;
        }
        // Boxed, so that the others are no larger for it.
        let all = Box::pin(join3(
            self.begin(),
            behind(statement),
            behind(self.batch_execute("commit")),
        ));
        let (begun, done, ended) = all.await;
        begun?;
        let done = done?;
        ended?;
        Ok(done)
    }
}
