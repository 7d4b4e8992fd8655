//! The settings, a file for each topic. Each setting is declared once, as a flag and an
//! environment variable with its type and its range, and what is wrong is told at the start, all
//! of it together.

#![expect(
    clippy::struct_field_names,
    reason = "a field's name is that of its flag and its variable"
)]

mod cache;
mod check;
mod database;
mod desk;
mod http;
mod passwords;
mod redis;
mod tokens;

use std::thread::available_parallelism;

use adapters_postgres::DatabaseSettings;
use adapters_redis::RedisSettings;
use clap::Args;
use domain::orders::DeskSettings;

use self::{
    cache::CacheArgs,
    check::{Faults, Noted},
    desk::DeskArgs,
    http::HttpArgs,
    redis::RedisArgs,
    tokens::TokenArgs,
};
pub use self::{
    cache::TimesToLive,
    check::BadSettings,
    database::DatabaseArgs,
    http::HttpSettings,
    passwords::{PasswordArgs, PasswordSettings},
};
use crate::adapters::JwtSettings;

/// All that `serve` needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server.
    pub http: HttpSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// Redis; without it the caches are in this process.
    pub redis: Option<RedisSettings>,
    /// How long cache entries live.
    pub cache_ttl: TimesToLive,
    /// Tokens.
    pub jwt: JwtSettings,
    /// Passwords.
    pub passwords: PasswordSettings,
    /// The desk.
    pub desk: DeskSettings,
}

/// What `serve` can be told.
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
    passwords: PasswordArgs,

    #[command(flatten)]
    desk: DeskArgs,

    #[command(flatten)]
    http: HttpArgs,
}

impl ServeArgs {
    /// Checks what was given.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn check(self) -> Result<Settings, BadSettings> {
        Faults::gather(|faults| self.read(faults))
    }

    fn read(self, faults: &mut Faults) -> Result<Settings, Noted> {
        let database = self.database.read(faults);
        let cache_ttl = self.cache.read(faults);
        let redis = self.redis.read(faults);
        let jwt = self.tokens.read(faults);
        let passwords = self.passwords.read(faults);
        let desk = self.desk.read(faults);
        let http = self.http.read(faults);
        let desk = desk?;
        Ok(Settings {
            http: http?,
            database: database?.desk_connections(desk.workers + desk.max_lanes),
            redis: redis?,
            cache_ttl: cache_ttl?,
            jwt: jwt?,
            passwords: passwords?,
            desk,
        })
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
