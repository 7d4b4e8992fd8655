//! Where a database is, and how it is reached.

use std::{sync::Arc, time::Duration};

use rustls::ClientConfig;
use thiserror::Error;
use tokio_postgres::{Config, config::TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    connection::CONNECTION_TIMEOUT,
    pool::Connector,
    schema::Schema,
    session::{Pooling, Sessions, Settings},
    tls::{self, InvalidTls},
};

/// Where a database is, and how many connections to open.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    pub(super) config: Config,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) sessions: Sessions,
    pub(super) max_connections: usize,
    pub(super) desk_connections: usize,
    pub(super) threads: usize,
    pub(super) patience: Duration,
    /// Where a standby is, and how far behind it may be.
    pub(super) standby: Option<(StandbySettings, Duration)>,
}

/// Where a standby is.
#[derive(Debug, Clone)]
pub struct StandbySettings(pub(super) Box<DatabaseSettings>);

/// Why a URL does not name a database that this build can reach.
#[derive(Debug, Error)]
pub enum InvalidDatabaseUrl {
    /// It is not a connection string.
    #[error("is not a PostgreSQL URL such as postgres://user:password@host:5432/database")]
    Malformed,
    /// What it asks of TLS cannot be done.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
    /// What is known of one standby does not hold for another.
    #[error("names several hosts: it must be one standby, for what one has another may lack")]
    SeveralStandbys,
    /// It asks for one that writes.
    #[error("has target_session_attrs=read-write, which no standby is: leave it out")]
    NoStandby,
    /// A pooler does not hand on the options of a session.
    #[error("has options, which a pooler does not hand on: they need DATABASE_POOLING=direct")]
    Options,
}

/// How long a connection lives on without a word from the server's machine (`tcp(7)`:
/// `TCP_USER_TIMEOUT` and keep-alive): one that is gone never says so.
const SILENCE: Duration = Duration::from_secs(5);

impl DatabaseSettings {
    /// Parses a connection URL. At most `max_connections` read, search and change rows, but at least
    /// two read in each thread (see [`Self::threads`]); as many are the desk's (see
    /// [`Self::desk_connections`]), one is for reports, one for revocations, four are for imports and
    /// exports, and each thread that reads products opens two more.
    ///
    /// # Errors
    ///
    /// When the URL is malformed, or the certificates that it names cannot be read. The error does
    /// not repeat the URL, which may hold a password.
    pub fn parse(url: &str, max_connections: usize) -> Result<Self, InvalidDatabaseUrl> {
        let (url, tls) = tls::split(url)?;
        let mut config: Config = url.parse().map_err(|_| InvalidDatabaseUrl::Malformed)?;
        if config.get_hosts().is_empty() {
            return Err(InvalidDatabaseUrl::Malformed);
        }
        if let Some(mode) = tls.mode {
            config.ssl_mode(mode);
        }
        // They are tried one after the other, and one that is gone does not say so.
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX);
        config.connect_timeout(CONNECTION_TIMEOUT / hosts);
        if hosts > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        config.keepalives_idle(SILENCE);
        config.keepalives_interval(Duration::from_secs(1));
        config.keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("balcao");
        }
        Ok(Self {
            config,
            tls: Arc::new(tls.config),
            sessions: Sessions {
                pooling: Pooling::Direct,
                schema: None,
            },
            max_connections,
            desk_connections: max_connections,
            threads: 1,
            patience: CONNECTION_TIMEOUT,
            standby: None,
        })
    }

    /// What may be a moment old is read from a standby, while it is no farther behind than this. It needs one more
    /// connection to the primary, and as many to the standby as are used for reading here.
    #[must_use]
    pub fn follow(self, standby: StandbySettings, max_lag: Duration) -> Self {
        Self {
            standby: Some((standby, max_lag)),
            ..self
        }
    }

    /// What is a standby in place of a primary.
    ///
    /// # Errors
    ///
    /// When several are named: what one has another may lack.
    pub fn into_standby(self) -> Result<StandbySettings, InvalidDatabaseUrl> {
        if self.config.get_hosts().len() > 1 {
            return Err(InvalidDatabaseUrl::SeveralStandbys);
        }
        if self.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite {
            return Err(InvalidDatabaseUrl::NoStandby);
        }
        Ok(StandbySettings(Box::new(self)))
    }

    /// Says what stands between this process and PostgreSQL: [`Pooling::Direct`] at first.
    ///
    /// # Errors
    ///
    /// When the URL has options, which a pooler does not hand on.
    pub fn through(self, pooling: Pooling) -> Result<Self, InvalidDatabaseUrl> {
        if pooling != Pooling::Direct && self.config.get_options().is_some() {
            return Err(InvalidDatabaseUrl::Options);
        }
        let sessions = Sessions {
            pooling,
            ..self.sessions
        };
        Ok(Self { sessions, ..self })
    }

    /// The shop is in this schema; without one it is where the sessions of its role look.
    #[must_use]
    pub fn in_schema(self, schema: Option<Schema>) -> Self {
        let sessions = Sessions {
            schema,
            ..self.sessions
        };
        Self { sessions, ..self }
    }

    /// The schema of the shop, if it has one of its own.
    #[must_use]
    pub const fn schema(&self) -> Option<&Schema> {
        self.sessions.schema.as_ref()
    }

    /// Divides the connections that read among this many threads.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// How long to wait for others: for a connection that they use, for a row that another transaction has
    /// locked, and for a commit, which a standby may keep waiting.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Limits the desk to this many connections: one for each batch that it places at once.
    #[must_use]
    pub fn desk_connections(self, desk_connections: usize) -> Self {
        Self {
            desk_connections,
            ..self
        }
    }

    /// How a connection with these settings is made.
    pub(super) fn connector(&self, settings: &Settings) -> Connector {
        let tls = MakeRustlsConnect::new(ClientConfig::clone(&self.tls));
        Connector::new(
            self.config.clone(),
            tls,
            settings,
            &self.sessions,
            self.patience,
        )
    }
}

#[cfg(test)]
mod tests;
