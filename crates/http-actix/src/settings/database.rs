//! The settings of PostgreSQL.

use adapters_postgres::DatabaseSettings;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::check::{BadSettings, Faults, Noted, Setting, setting, whole};

/// The settings of PostgreSQL.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// PostgreSQL, `postgres://user:password@host:5432/database`
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(given_url))]
    database_url: Setting<SecretString>,

    /// The most connections to PostgreSQL for reading, searching and changing, but each HTTP worker
    /// reads over at least two; the desk takes one more for each of its workers and lanes, reports
    /// take one, imports and exports up to four, and reading products two for each HTTP worker
    #[arg(long, env, value_name = "N", default_value = "8")]
    #[arg(value_parser = setting(whole::<usize>(1..=1_000)))]
    database_max_connections: Setting<usize>,
}

fn given_url(text: &str) -> Result<SecretString, &'static str> {
    match text {
        "" => Err("is missing: set it to postgres://user:password@host:5432/database"),
        url => Ok(url.into()),
    }
}

impl DatabaseArgs {
    /// Checks the arguments.
    ///
    /// # Errors
    ///
    /// All faults of the arguments.
    pub fn check(self) -> Result<DatabaseSettings, BadSettings> {
        Faults::gather(|faults| self.read(faults))
    }

    pub(super) fn read(self, faults: &mut Faults) -> Result<DatabaseSettings, Noted> {
        let connections = faults.take(self.database_max_connections);
        // Read even without the number, so that both faults are reported.
        let settings = self
            .database_url
            .and_then(|url| DatabaseSettings::parse(url.expose_secret(), connections.unwrap_or(1)));
        let settings = faults.take(settings)?;
        connections.map(|_| settings)
    }
}
