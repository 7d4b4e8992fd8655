//! Pooled connections. What differs between one of our own and one that a pooler shares out is
//! decided here, and by [`Session`].

use std::{ops::Deref, sync::Arc, time::Duration};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, RecyclingMethod, Runtime, Status,
};
use domain::StorageError;
use futures_util::future::join3;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, Row, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    error::{TransactionError, from_pool, is_stale_statement, storage},
    schema::Schema,
    session::{Pooling, Session, Sessions, Settings},
    statements::{self, Statement, Value, untyped},
    transaction::behind,
};

/// How long to wait for a new connection, or for an answer that says that one is good.
pub(crate) const CONNECTION_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How a connection is made.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
    /// What is said first on a connection.
    greeting: Option<Arc<str>>,
    session: Arc<Session>,
}

impl Connector {
    /// How a connection with these settings is made.
    pub(crate) fn new(
        mut config: Config,
        tls: MakeRustlsConnect,
        settings: &Settings,
        sessions: &Sessions,
        patience: Duration,
    ) -> Self {
        let greeting = match sessions.pooling {
            Pooling::Direct => {
                let options = settings.options(config.get_options().unwrap_or_default());
                config.options(options);
                None
            }
            Pooling::Session => Some(settings.statements().into()),
            // The pooler's own is said to every session.
            Pooling::Transaction { .. } => None,
        };
        Self {
            config,
            tls,
            greeting,
            session: Arc::new(Session::of(settings, sessions, patience)),
        }
    }
}

/// Connections of one kind.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: deadpool_postgres::Pool,
    session: Arc<Session>,
}

impl Pool {
    /// A pool in which nothing is connected yet.
    pub(crate) fn new(connector: Connector, max_connections: usize) -> Result<Self, StorageError> {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(connector.config, connector.tls, recycling);
        let mut pool = deadpool_postgres::Pool::builder(manager)
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(connector.session.patience))
            .create_timeout(Some(CONNECTION_TIMEOUT))
            .recycle_timeout(Some(CONNECTION_TIMEOUT));
        if let Some(greeting) = connector.greeting {
            pool = pool.post_create(Hook::async_fn(move |client, _| {
                let greeting = Arc::clone(&greeting);
                Box::pin(async move {
                    // The pooler may have no session for it, and says so late.
                    let greeted = timeout(CONNECTION_TIMEOUT, client.batch_execute(&greeting));
                    let greeted = greeted
                        .await
                        .map_err(|_| HookError::message("the pooler gave no session in time"))?;
                    greeted.map_err(HookError::Backend)
                })
            }));
        }
        Ok(Self {
            connections: pool.build().map_err(StorageError::internal)?,
            session: connector.session,
        })
    }

    /// A connection that nobody else uses.
    pub(crate) async fn get(&self) -> Result<Connection, StorageError> {
        Ok(Connection {
            client: self.connections.get().await.map_err(from_pool)?,
            session: Arc::clone(&self.session),
        })
    }

    /// How it is now, without the connections that have died since they were used.
    pub(crate) fn status(&self) -> Status {
        self.connections.retain(|client, _| !client.is_closed());
        self.connections.status()
    }
}

/// A connection, which goes back to its pool when it is dropped.
pub(crate) struct Connection {
    client: Object,
    session: Arc<Session>,
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl AsMut<Client> for Connection {
    fn as_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Connection {
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

    /// Whether a statement is cancelled by a request, or else by closing the connection.
    pub(crate) fn cancels_by_request(&self) -> bool {
        self.session.pooling == Pooling::Direct
    }

    /// Closes the connection: it does not go back to its pool.
    pub(crate) fn close(self) {
        drop(Object::take(self.client));
    }

    /// A statement that is sent often, prepared unless the session may be another one by then.
    pub(crate) async fn prepare(&self, statement: &'static str) -> Result<Statement, Error> {
        if self.session.is_preparing() {
            let prepared = self.client.prepare_cached(statement).await?;
            Ok(Statement::Named(prepared))
        } else {
            Ok(Statement::Unnamed(statement))
        }
    }

    /// Forgets the statements that were prepared: their tables have changed.
    pub(crate) fn forget_statements(&self) {
        self.client.statement_cache.clear();
    }

    /// Begins a transaction, whatever the database's default is; sent when this is first polled.
    pub(crate) async fn begin(&self) -> Result<(), Error> {
        self.batch_execute(&self.session.begin).await
    }

    /// A transaction that lasts no longer than a function, and is rolled back when it is dropped.
    pub(crate) async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        let transaction = Client::transaction(&mut self.client).await?;
        if let Some(local) = &self.session.local {
            transaction.batch_execute(local).await?;
        }
        Ok(transaction)
    }

    /// Runs `work` in a transaction, and commits. A commit that does not end in time is left to itself, and
    /// the connection with it.
    pub(crate) async fn in_transaction<T>(
        mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, TransactionError> {
        let patience = self.patience();
        let transaction = self.transaction().await?;
        let done = work(transaction.client()).await?;
        let Ok(committed) = timeout(patience, transaction.commit()).await else {
            self.leave_to_its_commit();
            return Err(TransactionError::Undecided);
        };
        committed?;
        Ok(done)
    }

    /// Leaves the connection to a commit that does not end, whose outcome is unknown: no timeout of
    /// PostgreSQL's ends the wait for a synchronous standby. The connection keeps its place in the
    /// pool until then, so that there are never more of them.
    pub(crate) fn leave_to_its_commit(self) {
        tokio::spawn(async move {
            // Answered once the commit has ended.
            let _ = self.batch_execute("").await;
            self.close();
        });
    }

    /// The rows that a statement finds, outside a transaction. If a table has changed since it was
    /// prepared, the connection's statements are prepared again, and it runs once more: that is all
    /// that a migration costs a running server.
    pub(crate) async fn query(
        &self,
        statement: &str,
        values: &[&dyn Value],
    ) -> Result<Vec<Row>, Error> {
        match self.try_query(statement, values).await {
            Err(error) if is_stale_statement(&error) => {
                self.forget_statements();
                self.try_query(statement, values).await
            }
            done => done,
        }
    }

    /// The same, if an answer comes in time. A connection over which none comes is given up: the next one
    /// may get through.
    pub(crate) async fn query_within(
        self,
        patience: Duration,
        statement: &str,
        values: &[&dyn Value],
    ) -> Result<Vec<Row>, StorageError> {
        match timeout(patience, self.query(statement, values)).await {
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
    ) -> Result<Option<Row>, Error> {
        let rows = self.query(statement, values).await?;
        Ok(rows.into_iter().next())
    }

    /// How many rows a statement changes, outside a transaction.
    pub(crate) async fn execute(
        &self,
        statement: &'static str,
        values: &[&dyn Value],
    ) -> Result<u64, Error> {
        let prepared = self.prepare(statement).await?;
        self.alone(prepared.execute(self, values)).await
    }

    async fn try_query(&self, statement: &str, values: &[&dyn Value]) -> Result<Vec<Row>, Error> {
        if self.session.is_preparing() {
            let prepared = self.client.prepare_cached(statement).await?;
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
