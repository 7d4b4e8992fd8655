//! The settings: each is declared once, as a flag and an environment variable, and all of them
//! are checked at the start, together.

mod check;
mod http;

use std::{thread::available_parallelism, time::Duration};

use adapters_postgres::DatabaseSettings;
use adapters_redis::{Redis, RedisSettings, TimesToLive};
use clap::Args;
use domain::orders::DeskSettings;
use secrecy::SecretString;

pub use self::{check::BadSettings, http::HttpSettings};
use self::{
    check::{Check, Noted},
    http::HttpArgs,
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

/// How passwords are hashed.
#[derive(Debug, Clone, Copy)]
pub struct PasswordSettings {
    /// bcrypt's cost: `2^cost` rounds.
    pub cost: u32,
    /// How many passwords are hashed at once.
    pub concurrency: usize,
}

impl PasswordSettings {
    /// As little work as bcrypt can be told to do: for passwords that nobody is to guess anyway.
    pub(crate) const LEAST: Self = Self {
        cost: 4,
        concurrency: 1,
    };
}

/// Where the database is.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// PostgreSQL, `postgres://user:password@host:5432/database`
    #[arg(long, env, hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,

    /// The most connections to PostgreSQL for reading and changing; the desk takes one more for
    /// each clerk and lane, reports take one, and reading products two for each HTTP worker
    #[arg(long, env, default_value = "8", value_name = "N")]
    database_max_connections: String,
}

/// How passwords are hashed.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// bcrypt's cost, 4 to 31: one more takes twice the time
    #[arg(long, env, default_value = "12", value_name = "N")]
    bcrypt_cost: String,

    /// How many passwords are hashed at once [default: one less than there are cores]
    #[arg(long, env, value_name = "N")]
    bcrypt_concurrency: Option<String>,
}

/// What `serve` can be told.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    /// Redis, `redis://host:6379`; without it the caches are in this process: run one replica then
    #[arg(long, env, hide_env_values = true, value_name = "URL")]
    redis_url: Option<String>,

    /// The beginning of every key in Redis
    #[arg(long, env, default_value = "balcao", value_name = "TEXT")]
    redis_namespace: String,

    /// The most connections to Redis for writing; reading takes one more for each thread
    #[arg(long, env, default_value = "8", value_name = "N")]
    redis_max_connections: String,

    /// How long to wait for Redis before doing without, in milliseconds
    #[arg(long, env, default_value = "100", value_name = "MS")]
    redis_timeout_ms: String,

    /// How long the details of an order stay cached, in seconds
    #[arg(long, env, default_value = "300", value_name = "S")]
    cache_orders_ttl_seconds: String,

    /// How long the details of a customer stay cached, in seconds
    #[arg(long, env, default_value = "300", value_name = "S")]
    cache_customers_ttl_seconds: String,

    /// How long a list of best sellers is taken for new, in seconds; the next one to ask makes it
    /// anew, and the others are answered with the last one meanwhile
    #[arg(long, env, default_value = "60", value_name = "S")]
    cache_best_sellers_ttl_seconds: String,

    /// What tokens are signed with: at least 32 bytes, the same for every replica
    #[arg(long, env, hide_env_values = true, value_name = "SECRET")]
    jwt_secret: Option<String>,

    /// How long a token is good, in seconds
    #[arg(long, env, default_value = "900", value_name = "S")]
    jwt_ttl_seconds: String,

    #[command(flatten)]
    passwords: PasswordArgs,

    /// How many batches of orders are placed at once
    #[arg(long, env, default_value = "2", value_name = "N")]
    desk_clerks: String,

    /// The most orders in a batch
    #[arg(long, env, default_value = "256", value_name = "N")]
    desk_max_batch: String,

    /// How many orders must wait for a batch to be begun beside one that is under way
    #[arg(long, env, default_value = "16", value_name = "N")]
    desk_side_batch: String,

    /// The most orders that wait; one more is answered 503
    #[arg(long, env, default_value = "4096", value_name = "N")]
    desk_max_waiting: String,

    /// For how many products whose stock somebody goes on holding a place in line is kept at once
    #[arg(long, env, default_value = "4", value_name = "N")]
    desk_max_lanes: String,

    #[command(flatten)]
    http: HttpArgs,
}

impl DatabaseArgs {
    /// Checks what was given.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn check(&self) -> Result<DatabaseSettings, BadSettings> {
        let mut check = Check::default();
        let database = self.read(&mut check);
        check.done(database)
    }

    fn read(&self, check: &mut Check) -> Result<DatabaseSettings, Noted> {
        let connections = &self.database_max_connections;
        let connections = check.number("DATABASE_MAX_CONNECTIONS", connections, 1..=1_000);
        let url = check.given(
            "DATABASE_URL",
            self.database_url.as_deref(),
            "set it to postgres://user:password@host:5432/database",
        )?;
        // Read even without the number, so that both are told.
        let settings = DatabaseSettings::parse(url, connections.unwrap_or(1));
        let settings = check.ok("DATABASE_URL", settings)?;
        connections.map(|_| settings)
    }
}

impl PasswordArgs {
    /// Checks what was given.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn check(&self) -> Result<PasswordSettings, BadSettings> {
        let mut check = Check::default();
        let passwords = self.read(&mut check);
        check.done(passwords)
    }

    fn read(&self, check: &mut Check) -> Result<PasswordSettings, Noted> {
        let cost = check.number("BCRYPT_COST", &self.bcrypt_cost, 4..=31);
        let concurrency = match &self.bcrypt_concurrency {
            Some(number) => check.number("BCRYPT_CONCURRENCY", number, 1..=1_024),
            None => Ok(cores().saturating_sub(1).max(1)),
        };
        Ok(PasswordSettings {
            cost: cost?,
            concurrency: concurrency?,
        })
    }
}

impl ServeArgs {
    /// Checks what was given.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn check(&self) -> Result<Settings, BadSettings> {
        let mut check = Check::default();
        let settings = self.read(&mut check);
        check.done(settings)
    }

    fn read(&self, check: &mut Check) -> Result<Settings, Noted> {
        let database = self.database.read(check);
        let cache_ttl = self.read_ttls(check);
        let redis = self.read_redis(check);
        let jwt = self.read_jwt(check);
        let passwords = self.passwords.read(check);
        let desk = self.read_desk(check);
        let http = self.http.read(check);
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

    fn read_desk(&self, check: &mut Check) -> Result<DeskSettings, Noted> {
        let clerks = check.number("DESK_CLERKS", &self.desk_clerks, 1..=64);
        let max_batch = check.number("DESK_MAX_BATCH", &self.desk_max_batch, 1..=1_000);
        let side_batch = check.number("DESK_SIDE_BATCH", &self.desk_side_batch, 1..=1_000);
        let max_waiting = check.number("DESK_MAX_WAITING", &self.desk_max_waiting, 1..=1_000_000);
        let max_lanes = check.number("DESK_MAX_LANES", &self.desk_max_lanes, 1..=64);
        Ok(DeskSettings {
            workers: clerks?,
            max_batch: max_batch?,
            min_parallel_batch: side_batch?,
            max_queued: max_waiting?,
            max_lanes: max_lanes?,
        })
    }

    fn read_ttls(&self, check: &mut Check) -> Result<TimesToLive, Noted> {
        let mut seconds = |name, text| {
            let seconds = check.number::<u64>(name, text, 1..=86_400);
            seconds.map(Duration::from_secs)
        };
        let orders = seconds("CACHE_ORDERS_TTL_SECONDS", &self.cache_orders_ttl_seconds);
        let customers = &self.cache_customers_ttl_seconds;
        let customers = seconds("CACHE_CUSTOMERS_TTL_SECONDS", customers);
        let best_sellers = &self.cache_best_sellers_ttl_seconds;
        let best_sellers = seconds("CACHE_BEST_SELLERS_TTL_SECONDS", best_sellers);
        Ok(TimesToLive {
            orders: orders?,
            customers: customers?,
            best_sellers: best_sellers?,
        })
    }

    fn read_redis(&self, check: &mut Check) -> Result<Option<RedisSettings>, Noted> {
        let connections = &self.redis_max_connections;
        let connections = check.number("REDIS_MAX_CONNECTIONS", connections, 1..=1_000);
        let timeout = check.number("REDIS_TIMEOUT_MS", &self.redis_timeout_ms, 1..=10_000);
        let Some(url) = self.redis_url.as_deref().filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        check.ok("REDIS_URL", Redis::check_url(url))?;
        Ok(Some(RedisSettings {
            url: url.to_owned(),
            namespace: self.redis_namespace.clone(),
            max_connections: connections?,
            timeout: Duration::from_millis(timeout?),
        }))
    }

    fn read_jwt(&self, check: &mut Check) -> Result<JwtSettings, Noted> {
        const HOW: &str = "set it to at least 32 random bytes, for example those of \
                           `openssl rand -base64 48`";
        let ttl = check.number("JWT_TTL_SECONDS", &self.jwt_ttl_seconds, 1..=86_400);
        let secret = check.given("JWT_SECRET", self.jwt_secret.as_deref(), HOW)?;
        if secret.len() < 32 {
            let bytes = secret.len();
            return check.bad("JWT_SECRET", format!("has {bytes} bytes: {HOW}"));
        }
        Ok(JwtSettings {
            secret: SecretString::from(secret),
            ttl: Duration::from_secs(ttl?),
        })
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
