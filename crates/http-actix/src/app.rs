//! The composition root: the only place that names every adapter.

use std::{sync::Arc, time::Duration};

use adapters_postgres::Database;
use adapters_redis::{InProcessCache, InvalidRedisUrl, RedisCache, RedisSettings, TimesToLive};
use domain::{
    StorageError,
    ports::{
        BestSellersCache, Clock, CustomerCache, IdSource, OrderCache, PasswordHasher,
        PasswordHasherError, Tokens,
    },
    services::{
        AccountService, AuthService, CustomerService, Desk, DeskTask, Housekeeping, OrderService,
        ProductService,
    },
};
use thiserror::Error;
use tokio::{spawn, task::JoinHandle, time::MissedTickBehavior};

use crate::{
    adapters::{BcryptHasher, JwtTokens, SystemClock, UuidV7Source},
    bodies::{Bodies, Stopping},
    proxies::TrustedProxies,
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
    pub(crate) bodies: Bodies,
    pub(crate) proxies: TrustedProxies,
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
    /// A time is longer than can be reckoned with.
    #[error("a time: {0}")]
    Time(#[from] time::error::ConversionRange),
}

impl App {
    /// Joins the domain to its adapters. Nothing is connected yet. What goes on in the background
    /// does so on the tokio runtime from which this is called.
    ///
    /// # Errors
    ///
    /// When a setting is out of range.
    pub fn new(settings: &Settings, database: &Database) -> Result<(Self, Background), AppError> {
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
        let (desk, tasks) = Desk::open(
            database.clone(),
            Arc::clone(&clock),
            Arc::clone(&ids),
            settings.desk,
        );
        let housekeeping =
            Housekeeping::new(database.clone(), database.clone(), Arc::clone(&clock));
        let background = Background::start(desk.clone(), tasks, housekeeping);
        let app = Self {
            auth: AuthService::new(
                database.clone(),
                Arc::clone(&passwords),
                Arc::clone(&tokens),
                Arc::clone(&clock),
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
                settings.cache_ttl.best_sellers.try_into()?,
            ),
            orders: OrderService::new(desk, database.clone(), database.clone(), caches.orders),
            tokens,
            ids,
            bodies: Bodies::new(settings.http.bodies_memory, settings.http.read_timeout),
            proxies: settings.http.proxies.clone(),
            probes: Probes {
                database,
                redis: caches.redis,
            },
        };
        Ok((app, background))
    }

    /// For whoever stops the server.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        self.bodies.stopping()
    }
}

/// What goes on besides answering requests.
pub struct Background {
    desk: Desk,
    tasks: Vec<JoinHandle<()>>,
    housekeeping: [JoinHandle<()>; 2],
}

/// How often old idempotency keys are removed.
const KEYS_INTERVAL: Duration = Duration::from_hours(1);

/// How often what was sold is gathered: seldom enough to cost the orders nothing that can be
/// measured, often enough that a report finds little to add up by itself.
const SALES_INTERVAL: Duration = Duration::from_secs(15);

impl Background {
    fn start(desk: Desk, tasks: Vec<DeskTask>, housekeeping: Housekeeping) -> Self {
        let housekeeping = Arc::new(housekeeping);
        Self {
            desk,
            tasks: tasks.into_iter().map(spawn).collect(),
            housekeeping: [
                spawn(remove_old_keys(Arc::clone(&housekeeping))),
                spawn(gather_sales(housekeeping)),
            ],
        }
    }

    /// Places the orders that wait at the desk, and takes no more.
    pub async fn finish(self) {
        for task in self.housekeeping {
            task.abort();
        }
        self.desk.close();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the desk did not finish");
            }
        }
    }
}

async fn remove_old_keys(housekeeping: Arc<Housekeeping>) {
    let mut interval = tokio::time::interval(KEYS_INTERVAL);
    loop {
        interval.tick().await;
        match housekeeping.remove_old_keys().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old idempotency keys are gone"),
            Err(error) => tracing::warn!(%error, "old idempotency keys could not be removed"),
        }
    }
}

async fn gather_sales(housekeeping: Arc<Housekeeping>) {
    let mut interval = tokio::time::interval(SALES_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = housekeeping.gather_sales().await {
            tracing::warn!(%error, "what was sold could not be gathered");
        }
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
            let cache = Arc::new(InProcessCache::new(kept(settings.cache_ttl)));
            return Ok(Self {
                orders: cache.clone(),
                customers: cache.clone(),
                best_sellers: cache,
                redis: None,
            });
        };
        let redis = RedisSettings {
            ttl: kept(redis.ttl),
            ..redis.clone()
        };
        let cache = Arc::new(RedisCache::new(redis)?);
        Ok(Self {
            orders: cache.clone(),
            customers: cache.clone(),
            best_sellers: cache.clone(),
            redis: Some(cache),
        })
    }
}

/// How long entries are kept. The last list of best sellers is needed while the next one is made,
/// and when none can be.
fn kept(ttl: TimesToLive) -> TimesToLive {
    TimesToLive {
        best_sellers: ttl.best_sellers * 20,
        ..ttl
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
