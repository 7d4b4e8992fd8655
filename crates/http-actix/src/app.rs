//! The composition root: the only place that names every adapter.

use std::sync::Arc;

use adapters_postgres::Database;
use adapters_redis::{InProcessCache, InvalidRedisUrl, RedisCache};
use domain::{
    StorageError,
    ports::{
        BestSellersCache, Clock, CustomerCache, IdSource, OrderCache, PasswordHasher,
        PasswordHasherError, Tokens,
    },
    services::{AccountService, AuthService, CustomerService, Desk, OrderService, ProductService},
};
use thiserror::Error;

use crate::{
    adapters::{BcryptHasher, JwtTokens, SystemClock, UuidV7Source},
    settings::{PasswordSettings, Settings},
};

/// The services, and the few ports that the edge itself uses.
pub struct App {
    pub(crate) auth: AuthService,
    pub(crate) customers: CustomerService,
    pub(crate) products: ProductService,
    pub(crate) orders: OrderService,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) probes: Probes,
}

/// Why the app was not put together.
#[derive(Debug, Error)]
pub enum AppError {
    /// The database's pool could not be made.
    #[error("PostgreSQL: {0}")]
    Database(#[from] StorageError),
    /// The Redis URL is none.
    #[error("the Redis URL {0}")]
    Redis(#[from] InvalidRedisUrl),
    /// The cost of passwords is out of range.
    #[error("passwords: {0}")]
    Passwords(#[from] PasswordHasherError),
}

impl App {
    /// Joins the domain to its adapters. Nothing is connected yet. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a setting is out of range.
    pub fn new(settings: &Settings, database: &Database) -> Result<Self, AppError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn IdSource> = Arc::new(UuidV7Source);
        let passwords = password_hasher(&settings.passwords)?;
        let tokens: Arc<dyn Tokens> = Arc::new(JwtTokens::new(
            &settings.jwt,
            Arc::clone(&clock),
            Arc::clone(&ids),
        ));
        let caches = Caches::new(settings)?;
        let database = Arc::new(database.clone());
        let desk = Desk::new(database.clone(), Arc::clone(&clock), Arc::clone(&ids));
        Ok(Self {
            auth: AuthService::new(
                database.clone(),
                Arc::clone(&passwords),
                Arc::clone(&tokens),
            ),
            customers: CustomerService::new(
                database.clone(),
                caches.customers,
                passwords,
                Arc::clone(&clock),
                Arc::clone(&ids),
            ),
            products: ProductService::new(
                database.clone(),
                database.clone(),
                database.clone(),
                caches.best_sellers,
                clock,
                Arc::clone(&ids),
            ),
            orders: OrderService::new(desk, database.clone(), database.clone(), caches.orders),
            tokens,
            ids,
            probes: Probes {
                database,
                redis: caches.redis,
            },
        })
    }
}

/// Joins what makes accounts, for the command line.
///
/// # Errors
///
/// When the cost of passwords is out of range.
pub fn account_service(
    passwords: &PasswordSettings,
    database: &Database,
) -> Result<AccountService, AppError> {
    Ok(AccountService::new(
        Arc::new(database.clone()),
        password_hasher(passwords)?,
        Arc::new(SystemClock),
        Arc::new(UuidV7Source),
    ))
}

fn password_hasher(
    settings: &PasswordSettings,
) -> Result<Arc<dyn PasswordHasher>, PasswordHasherError> {
    let hasher = BcryptHasher::new(settings.cost, settings.concurrency)?;
    Ok(Arc::new(hasher))
}

/// The cache ports, and the Redis behind them if there is one.
struct Caches {
    orders: Arc<dyn OrderCache>,
    customers: Arc<dyn CustomerCache>,
    best_sellers: Arc<dyn BestSellersCache>,
    redis: Option<Arc<RedisCache>>,
}

impl Caches {
    fn new(settings: &Settings) -> Result<Self, InvalidRedisUrl> {
        let Some(redis) = &settings.redis else {
            let cache = Arc::new(InProcessCache::new(settings.cache_ttl));
            return Ok(Self {
                orders: cache.clone(),
                customers: cache.clone(),
                best_sellers: cache,
                redis: None,
            });
        };
        let cache = Arc::new(RedisCache::new(redis.clone())?);
        Ok(Self {
            orders: cache.clone(),
            customers: cache.clone(),
            best_sellers: cache.clone(),
            redis: Some(cache),
        })
    }
}

/// What the health endpoints ask.
pub(crate) struct Probes {
    database: Arc<Database>,
    redis: Option<Arc<RedisCache>>,
}

impl Probes {
    /// Whether PostgreSQL answers.
    pub(crate) async fn database(&self) -> Result<(), StorageError> {
        self.database.ping().await
    }

    /// Whether Redis answers; `None` when there is none.
    pub(crate) async fn redis(&self) -> Option<bool> {
        match &self.redis {
            Some(redis) => Some(redis.ping().await),
            None => None,
        }
    }
}
