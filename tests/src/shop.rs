//! A shop behind HTTP: what nearly every test of the API begins with.

use std::time::Duration;

use adapters_postgres::DatabaseSettings;
use http_actix::settings::Settings;

use crate::{Caches, Client, Delays, PrivatePostgres, TestDatabase, TestServer, database::url_of};

/// A server over a database of its own, and somebody who works there.
pub struct Shop {
    /// The server. Declared before the database, so that it has stopped before that is dropped.
    pub server: TestServer,
    /// Somebody who works in the shop.
    pub staff: Client,
    /// The database.
    pub database: TestDatabase,
    caches: Caches,
    /// What delays the servers' messages to PostgreSQL, if something does.
    wire: Option<Delays>,
}

impl Shop {
    /// A shop with nothing in it, whose server keeps its caches in its process.
    pub async fn open() -> Self {
        Self::with(Caches::InProcess).await
    }

    /// The same, with the caches kept here.
    pub async fn with(caches: Caches) -> Self {
        Self::opened_with(caches, |_| {}).await
    }

    /// The same, with settings of the server that differ from those of the others.
    pub async fn opened_with(caches: Caches, change: impl FnOnce(&mut Settings)) -> Self {
        Self::over(TestDatabase::migrated().await, caches, change).await
    }

    /// A shop on a PostgreSQL that the test may end.
    pub async fn on(postgres: &PrivatePostgres) -> Self {
        let database = TestDatabase::migrated_on(postgres.url()).await;
        // What it restarts takes as long as it takes.
        let patient = |settings: &mut Settings| settings.http.read_timeout = Duration::from_mins(1);
        Self::over(database, Caches::InProcess, patient).await
    }

    /// A shop on a PostgreSQL that another one follows, from which what may be a moment old is read.
    pub async fn followed(
        postgres: &PrivatePostgres,
        standby: &PrivatePostgres,
        max_lag: Duration,
    ) -> Self {
        let database = TestDatabase::migrated_on(postgres.url()).await;
        let standby = url_of(standby.url(), database.name());
        Self::following(database, &standby, max_lag).await
    }

    /// A shop that takes what is at this URL for a standby of its own.
    pub async fn following(database: TestDatabase, standby: &str, max_lag: Duration) -> Self {
        let standby = DatabaseSettings::parse(standby, 8).unwrap();
        let standby = standby.into_standby().unwrap();
        Self::over(database, Caches::InProcess, |settings| {
            settings.http.read_timeout = Duration::from_mins(1);
            settings.database = settings.database.clone().follow(standby, max_lag);
        })
        .await
    }

    /// A shop with caches in Redis, every one of whose messages to PostgreSQL and back is delayed;
    /// those of its replicas are, too.
    pub async fn with_delays() -> Self {
        let database = TestDatabase::migrated().await;
        let wire = Delays::to(&database);
        let delayed = wire.settings(&database);
        let change = |settings: &mut Settings| delay(settings, delayed);
        let mut shop = Self::over(database, Caches::redis(), change).await;
        shop.wire = Some(wire);
        shop
    }

    async fn over(
        database: TestDatabase,
        caches: Caches,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let server = TestServer::start_with(&database, caches.clone(), change);
        let staff = server.staff().await;
        Self {
            server,
            staff,
            database,
            caches,
            wire: None,
        }
    }

    /// Another server over the same database. Caches in Redis are shared with the first; caches in
    /// a process are its own. What was changed in the settings of the first is not changed here.
    #[must_use]
    pub fn replica(&self) -> TestServer {
        self.replica_with(|_| {})
    }

    /// The same, with settings that differ from those of the others.
    #[must_use]
    pub fn replica_with(&self, change: impl FnOnce(&mut Settings)) -> TestServer {
        TestServer::start_with(&self.database, self.caches.clone(), |settings| {
            if let Some(wire) = &self.wire {
                delay(settings, wire.settings(&self.database));
            }
            change(settings);
        })
    }

    /// A client without a token.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        self.server.anonymous()
    }

    /// A client with the token of a customer who has just signed up, and the customer's id.
    pub async fn customer(&self) -> (Client, String) {
        self.server.customer().await
    }

    /// Adds a product, and returns its id.
    pub async fn product(&self, price: &str, stock: i64) -> String {
        self.staff.product(price, stock).await
    }

    /// The units of a product that can be ordered.
    pub async fn available(&self, product: &str) -> i64 {
        self.staff.available(product).await
    }
}

/// Lets a server reach its database over this wire, and wait for others longer than over a fast network.
fn delay(settings: &mut Settings, delayed: DatabaseSettings) {
    let patience = Duration::from_secs(30);
    settings.database = delayed.patience(patience);
    settings.desk.patience = patience.try_into().unwrap();
    settings.http.answer_timeout = patience * 2;
}
