//! Pools of connections of one kind, and how their connections are made.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime, Status,
};
use domain::StorageError;
use futures_util::TryFutureExt as _;
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    connection::{CONNECTION_TIMEOUT, Connection},
    error::from_pool,
    given_up::Server,
    session::{Pooling, Session, Sessions, Settings},
};

/// How a connection is made.
#[derive(Clone)]
pub(crate) struct Connector {
    server: Server,
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
            server: Server { config, tls },
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
    server: Arc<Server>,
    /// How long it may take to get one.
    patience: Option<Duration>,
}

/// How long a connection takes to say that it is good, where that is asked before it is used.
const VERIFICATION_TIMEOUT: Duration = Duration::from_millis(400);

impl Pool {
    /// A pool in which nothing is connected yet.
    pub(crate) fn new(connector: Connector, max_connections: usize) -> Result<Self, StorageError> {
        Self::recycling(RecyclingMethod::Fast, connector, max_connections)
    }

    /// The same, of connections that are asked whether they are good before they are used again: for what takes so
    /// long that it is waited for.
    pub(crate) fn verified(
        connector: Connector,
        max_connections: usize,
    ) -> Result<Self, StorageError> {
        let pool = Self::recycling(RecyclingMethod::Verified, connector, max_connections)?;
        Ok(Self {
            // Several may be no good, and are asked one after the other.
            patience: Some(
                pool.session
                    .patience
                    .max(CONNECTION_TIMEOUT + VERIFICATION_TIMEOUT),
            ),
            ..pool
        })
    }

    fn recycling(
        recycling_method: RecyclingMethod,
        connector: Connector,
        max_connections: usize,
    ) -> Result<Self, StorageError> {
        let Server { config, tls } = connector.server.clone();
        let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method });
        let mut pool = deadpool_postgres::Pool::builder(manager)
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(connector.session.patience))
            .create_timeout(Some(CONNECTION_TIMEOUT))
            .recycle_timeout(Some(VERIFICATION_TIMEOUT));
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
            server: Arc::new(connector.server),
            patience: None,
        })
    }

    /// A connection that nobody else uses.
    pub(crate) async fn get(&self) -> Result<Connection, StorageError> {
        let client = self.connections.get().map_err(from_pool);
        let client = match self.patience {
            Some(patience) => timeout(patience, client)
                .await
                .map_err(StorageError::unavailable)?,
            None => client.await,
        };
        let (session, server) = (Arc::clone(&self.session), Arc::clone(&self.server));
        Ok(Connection::new(client?, session, server))
    }

    /// How it is now, without the connections that have died since they were used.
    pub(crate) fn status(&self) -> Status {
        self.connections.retain(|client, _| !client.is_closed());
        self.connections.status()
    }
}
