//! The settings of PostgreSQL.

use std::{str::FromStr, time::Duration};

use adapters_postgres::{DatabaseSettings, InvalidDatabaseUrl, Pooling, Schema};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::check::{BadSettings, Faults, Noted, Setting, Switch, optional, setting, time, whole};

/// The settings of PostgreSQL.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// PostgreSQL, `postgres://user:password@host:5432/database`
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(given_url))]
    database_url: Setting<SecretString>,

    /// The schema that a shop has for itself, where many share a database; without one the shop is where the
    /// sessions of its role look, which is the schema `public`
    #[arg(long, env, value_name = "NAME")]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(Schema::parse)))]
    database_schema: Setting<Option<Schema>>,

    /// The most connections to PostgreSQL for reading, searching and changing, but each HTTP worker
    /// reads over at least two; the desk takes one more for each of its workers and lanes, reports
    /// take one, imports and exports up to four, and reading products two for each HTTP worker
    #[arg(long, env, value_name = "N", default_value = "8")]
    #[arg(value_parser = setting(whole::<usize>(1..=1_000)))]
    database_max_connections: Setting<usize>,

    /// What stands between, as PgBouncer's `pool_mode`: `direct` (nothing), `session` or
    /// `transaction`
    #[arg(long, env, value_name = "MODE", default_value = "direct")]
    #[arg(value_parser = setting(given_pooling))]
    database_pooling: Setting<Pooling>,

    /// Whether statements are prepared through a pooler of transactions, `on` or `off`: PgBouncer
    /// keeps them from 1.21 on, with `max_prepared_statements`
    #[arg(long, env, value_name = "on|off", default_value = "off")]
    #[arg(value_parser = setting(Switch::from_str))]
    database_prepared: Setting<Switch>,

    /// A standby that serves what may be a moment old: best sellers, stock that runs low, exports, and the lists of
    /// the shop's people. What stands between is the same as for the primary
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(given_url)))]
    database_replica_url: Setting<Option<SecretString>>,

    /// How far behind it may be, in milliseconds; the primary answers otherwise
    #[arg(long, env, value_name = "MILLISECONDS", default_value = "1000")]
    #[arg(value_parser = setting(time(Duration::from_millis, 750..=600_000)))]
    replica_max_lag_ms: Setting<Duration>,
}

fn given_pooling(text: &str) -> Result<Pooling, String> {
    match text {
        "direct" => Ok(Pooling::Direct),
        "session" => Ok(Pooling::Session),
        "transaction" => Ok(Pooling::Transaction {
            is_preparing: false,
        }),
        _ => Err(format!("is {text:?}, not direct, session or transaction")),
    }
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
        let prepared = faults.take(self.database_prepared);
        let pooling = faults.take(self.database_pooling);
        let pooling = match (pooling, prepared) {
            (Ok(Pooling::Transaction { .. }), Ok(prepared)) => Pooling::Transaction {
                is_preparing: prepared == Switch::On,
            },
            // Without one of the settings the URL is read even so, and its faults are reported too.
            (pooling, _) => pooling.unwrap_or(Pooling::Direct),
        };
        let schema = faults.take(self.database_schema);
        let in_schema = schema.clone().unwrap_or_default();
        let parse = |url: SecretString| {
            let settings = DatabaseSettings::parse(url.expose_secret(), connections.unwrap_or(1))?;
            let settings = settings.through(pooling)?;
            Ok::<_, InvalidDatabaseUrl>(settings.in_schema(in_schema.clone()))
        };
        let standby = self.database_replica_url.and_then(|url| {
            let standby = url.map(|url| parse(url)?.into_standby());
            standby.transpose()
        });
        let (standby, max_lag) = (faults.take(standby), faults.take(self.replica_max_lag_ms));
        let settings = faults.take(self.database_url.and_then(parse))?;
        let (_, _, max_lag) = (connections?, schema?, max_lag?);
        Ok(match standby? {
            Some(standby) => settings.follow(standby, max_lag),
            None => settings,
        })
    }
}
