//! The pool of connections, and what every connection is set to.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use domain::StorageError;
use thiserror::Error;
use tokio_postgres::{Config, NoTls, config::SslMode};

use crate::{
    error::{from_pool, storage},
    product_reads::ProductReads,
};

/// A PostgreSQL database: every storage port of the domain. Clones share one pool.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    pub(crate) product_reads: ProductReads,
}

/// How to reach a database.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    config: Config,
    max_connections: usize,
}

/// Why a URL does not name a database that can be reached from here.
#[derive(Debug, Error)]
pub enum InvalidDatabaseUrl {
    /// It is no connection string.
    #[error("is not a PostgreSQL URL such as postgres://user:password@host:5432/database")]
    Malformed,
    /// It asks for encryption.
    #[error(
        "asks for sslmode=require, but this build speaks to PostgreSQL without TLS: \
         use sslmode=prefer over a private network or a local TLS proxy"
    )]
    TlsRequired,
}

/// How long to wait for a connection of the pool, or for a new one.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);

/// What every connection is set to. Nobody waits for long, and a client that vanished in the
/// middle of a transaction does not keep its locks. A statement is planned once: nearly all find
/// rows by their ids, for which one plan serves any number of them, and planning anew took a
/// fifth of the time of an order that is placed alone.
const SESSION_OPTIONS: &str = "-c statement_timeout=10s -c lock_timeout=5s \
                               -c idle_in_transaction_session_timeout=10s \
                               -c plan_cache_mode=force_generic_plan";

/// For a transaction whose statements go through periods of time: how many rows a period has,
/// and so the best plan, depends on the period.
pub(crate) const PLAN_FOR_VALUES: &str = "set local plan_cache_mode = force_custom_plan";

impl DatabaseSettings {
    /// Reads a connection URL; at most `max_connections` are opened, and two more by
    /// each thread that reads products.
    ///
    /// # Errors
    ///
    /// When the URL is malformed or asks for what this build cannot do. The error does not
    /// repeat the URL, which may hold a password.
    pub fn parse(url: &str, max_connections: usize) -> Result<Self, InvalidDatabaseUrl> {
        let mut config: Config = url.parse().map_err(|_| InvalidDatabaseUrl::Malformed)?;
        if config.get_hosts().is_empty() {
            return Err(InvalidDatabaseUrl::Malformed);
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(InvalidDatabaseUrl::TlsRequired);
        }
        let given = config.get_options().unwrap_or_default();
        let options = format!("{SESSION_OPTIONS} {given}");
        config.options(options.trim());
        config.connect_timeout(CONNECTION_TIMEOUT);
        if config.get_application_name().is_none() {
            config.application_name("balcao");
        }
        Ok(Self {
            config,
            max_connections,
        })
    }
}

impl Database {
    /// Makes the pool. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When the pool cannot be made.
    pub fn new(settings: DatabaseSettings) -> Result<Self, StorageError> {
        let DatabaseSettings {
            config,
            max_connections,
        } = settings;
        Ok(Self {
            pool: pool(config.clone(), max_connections)?,
            product_reads: ProductReads::new(config),
        })
    }

    /// Whether PostgreSQL answers.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), StorageError> {
        let client = self.client().await?;
        client.batch_execute("select 1").await.map_err(storage)
    }

    /// How many connections the pool holds, those in use among them.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.pool.status().size
    }

    pub(crate) async fn client(&self) -> Result<Object, StorageError> {
        self.pool.get().await.map_err(from_pool)
    }
}

/// A pool in which nothing is connected yet.
pub(crate) fn pool(config: Config, max_connections: usize) -> Result<Pool, StorageError> {
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Pool::builder(Manager::from_config(config, NoTls, recycling))
        .max_size(max_connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECTION_TIMEOUT))
        .create_timeout(Some(CONNECTION_TIMEOUT))
        .recycle_timeout(Some(CONNECTION_TIMEOUT))
        .build()
        .map_err(StorageError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_must_name_a_host_and_be_reachable_without_tls() {
        let parse = |url| DatabaseSettings::parse(url, 1).map(|_| ());
        assert!(parse("postgres://balcao:secret@localhost/balcao?sslmode=prefer").is_ok());
        for url in [
            "",
            "localhost:5432",
            "http://localhost",
            "postgres:///balcao",
        ] {
            assert!(
                matches!(parse(url), Err(InvalidDatabaseUrl::Malformed)),
                "{url}"
            );
        }
        assert!(matches!(
            parse("postgres://localhost/balcao?sslmode=require"),
            Err(InvalidDatabaseUrl::TlsRequired)
        ));
    }

    #[test]
    fn options_of_the_url_come_last_and_so_win() {
        let url = "postgres://localhost/balcao?options=-c%20statement_timeout%3D1s";
        let settings = DatabaseSettings::parse(url, 1).unwrap();
        let options = settings.config.get_options().unwrap();
        assert!(options.starts_with(SESSION_OPTIONS) && options.ends_with("statement_timeout=1s"));
    }
}
