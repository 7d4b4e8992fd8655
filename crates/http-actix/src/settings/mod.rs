//! The settings, one file per topic. Each setting is declared once, as a flag and an environment
//! variable with its type and range. All faults are reported together at the start.

#![expect(
    clippy::struct_field_names,
    reason = "a field's name is that of its flag and its variable"
)]

mod cache;
mod check;
mod database;
mod desk;
mod http;
mod metrics;
mod passwords;
mod rate_limits;
mod redis;
mod sessions;
mod tokens;

use std::{net::SocketAddr, thread::available_parallelism};

use adapters_postgres::DatabaseSettings;
use adapters_redis::RedisSettings;
use clap::Args;
use domain::{identity::SessionLifetime, orders::DeskSettings};

use self::{
    cache::CacheArgs,
    check::{Faults, Noted},
    desk::DeskArgs,
    http::HttpArgs,
    metrics::MetricsArgs,
    rate_limits::RateLimitArgs,
    redis::RedisArgs,
    sessions::SessionArgs,
    tokens::TokenArgs,
};
pub use self::{
    cache::TimesToLive,
    check::BadSettings,
    database::DatabaseArgs,
    http::HttpSettings,
    passwords::{PasswordArgs, PasswordSettings},
    rate_limits::RateLimitSettings,
};
use crate::adapters::JwtSettings;

/// The settings of `serve`, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The HTTP server.
    pub http: HttpSettings,
    /// The database and its connections.
    pub database: DatabaseSettings,
    /// Redis; `None` keeps the caches in this process.
    pub redis: Option<RedisSettings>,
    /// The time to live of cache entries.
    pub cache_ttl: TimesToLive,
    /// The key and the lifetime of access tokens.
    pub jwt: JwtSettings,
    /// How long sessions live.
    pub sessions: SessionLifetime,
    /// The hashing of passwords.
    pub passwords: PasswordSettings,
    /// The limits of the desk.
    pub desk: DeskSettings,
    /// How many requests may be sent; `None` is without limits.
    pub rate_limits: Option<RateLimitSettings>,
    /// Where metrics are shown; `None` counts nothing.
    pub metrics_addr: Option<SocketAddr>,
}

impl Settings {
    /// What shops in schemas of one database share otherwise has the schema's name: a Redis, and a key of tokens.
    fn keep_apart(&mut self) {
        let Some(schema) = self.database.schema() else {
            return;
        };
        if let Some(redis) = &mut self.redis {
            redis.namespace = format!("{}:{schema}", redis.namespace);
        }
        self.jwt.audience = format!("{}/{schema}", self.jwt.audience);
    }
}

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    redis: RedisArgs,

    #[command(flatten)]
    cache: CacheArgs,

    #[command(flatten)]
    tokens: TokenArgs,

    #[command(flatten)]
    sessions: SessionArgs,

    #[command(flatten)]
    passwords: PasswordArgs,

    #[command(flatten)]
    desk: DeskArgs,

    #[command(flatten)]
    http: HttpArgs,

    #[command(flatten)]
    rate_limits: RateLimitArgs,

    #[command(flatten)]
    metrics: MetricsArgs,
}

impl ServeArgs {
    /// Checks the arguments.
    ///
    /// # Errors
    ///
    /// All faults of the arguments.
    pub fn check(self) -> Result<Settings, BadSettings> {
        Faults::gather(|faults| self.read(faults))
    }

    fn read(self, faults: &mut Faults) -> Result<Settings, Noted> {
        let database = self.database.read(faults);
        let cache_ttl = self.cache.read(faults);
        let redis = self.redis.read(faults);
        let jwt = self.tokens.read(faults);
        let sessions = self.sessions.read(faults);
        let passwords = self.passwords.read(faults);
        let http = self.http.read(faults);
        let patience = http.as_ref().map(HttpSettings::patience);
        let patience = patience.unwrap_or_default();
        let desk = self
            .desk
            .read(faults, patience.try_into().unwrap_or_default());
        let rate_limits = self.rate_limits.read(faults);
        let metrics_addr = self.metrics.read(faults);
        let (http, desk, database) = (http?, desk?, database?);
        let mut settings = Settings {
            database: database
                .threads(http.workers)
                .desk_connections(desk.workers + desk.max_lanes)
                .patience(patience),
            http,
            redis: redis?,
            cache_ttl: cache_ttl?,
            jwt: jwt?,
            sessions: sessions?,
            passwords: passwords?,
            desk,
            rate_limits: rate_limits?,
            metrics_addr: metrics_addr?,
        };
        settings.keep_apart();
        Ok(settings)
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
