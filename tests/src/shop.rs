//! A shop over HTTP: what nearly every test of the API begins with.

use std::ops::Deref;

use http_actix::settings::Settings;

use crate::{Caches, TestDatabase, TestServer};

/// A server over a database of its own. It can be used as the server itself.
pub struct Shop {
    // Declared first, so that it lets go of the database before that is dropped.
    server: TestServer,
    /// The database.
    pub database: TestDatabase,
}

impl Shop {
    /// A shop whose caches are in its process.
    pub async fn open() -> Self {
        Self::with(Caches::InProcess).await
    }

    /// A shop with these caches.
    pub async fn with(caches: Caches) -> Self {
        Self::open_with(caches, |_| {}).await
    }

    /// A shop with these caches, and with settings that differ from those of the others.
    pub async fn open_with(caches: Caches, change: impl FnOnce(&mut Settings)) -> Self {
        let database = TestDatabase::migrated().await;
        Self {
            server: TestServer::start_with(&database, caches, change),
            database,
        }
    }
}

impl Deref for Shop {
    type Target = TestServer;

    fn deref(&self) -> &TestServer {
        &self.server
    }
}
