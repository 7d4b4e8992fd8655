//! The composition root: the only place that names every adapter.

mod caches;
mod identity;

use std::sync::Arc;

use adapters_postgres::{
    Database, PgAccounts, PgApiKeys, PgAudit, PgCatalog, PgCoordination, PgCustomers, PgOrders,
    PgSessions, PgStock,
};
use adapters_redis::{InvalidRedisUrl, Redis};
use domain::{
    Clock, Housekeeping, IdSource, StorageError, Timer,
    audit::AuditService,
    catalog::CatalogService,
    customers::CustomerService,
    identity::{
        AccountRepository, AccountService, AuthenticationService, KnownApiKeys, LiveCredentials,
        PasswordHasher, PasswordHasherError,
    },
    orders::{Desk, DeskObserver, DeskSettings, DeskTask, OrderService, PlacementStore},
    stock::StockService,
    values::LogPosition,
};
use metrics_process::Collector;
use thiserror::Error;

use self::{
    caches::Caches,
    identity::{Identity, People, failed_attempts, live_credentials, pepper, rate_limits},
};
use crate::{
    adapters::{
        BcryptHasher, JwtSettings, JwtTokens, PublicKey, SigningKey, SystemClock, UuidV7Source,
    },
    background::Background,
    bodies::Bodies,
    crowd::Crowd,
    cursors::Cursors,
    lifecycle::Lifecycle,
    metrics::{Gauges, MeteredHasher, MeteredPlacements, MeteredWaits},
    proxies::TrustedProxies,
    rate_limits::RateLimits,
    settings::{PasswordSettings, Settings, TimesToLive},
};

/// The use cases, and what the HTTP edge needs.
pub struct App {
    pub(crate) identity: Identity,
    pub(crate) audit: AuditService,
    pub(crate) shop: Shop,
    pub(crate) authentication: AuthenticationService,
    pub(crate) ids: Arc<dyn IdSource>,
    /// The most bytes in the head of a request.
    pub(crate) max_head: usize,
    pub(crate) bodies: Bodies,
    pub(crate) cursors: Cursors,
    pub(crate) public_keys: Vec<PublicKey>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) crowd: Crowd,
    /// `None` is without limits.
    pub(crate) rate_limits: Option<RateLimits>,
    pub(crate) probes: Probes,
}

/// The use cases of the shop.
pub(crate) struct Shop {
    pub(crate) customers: CustomerService,
    pub(crate) catalog: CatalogService,
    pub(crate) stock: StockService,
    pub(crate) orders: OrderService,
}

/// Why the app was not assembled.
#[derive(Debug, Error)]
pub enum AppError {
    /// The database's pool could not be made.
    #[error("PostgreSQL: {0}")]
    Database(#[from] StorageError),
    /// The Redis URL is not valid.
    #[error("the Redis URL {0}")]
    Redis(#[from] InvalidRedisUrl),
    /// The cost of passwords is out of range.
    #[error("passwords: {0}")]
    Passwords(#[from] PasswordHasherError),
    /// A duration is too long.
    #[error("a time: {0}")]
    Time(#[from] time::error::ConversionRange),
}

impl App {
    /// Connects the domain to its adapters; no connection is opened yet. Background tasks run on
    /// the tokio runtime from which this is called.
    ///
    /// # Errors
    ///
    /// When a setting is out of range.
    pub fn new(settings: &Settings, database: &Database) -> Result<(Self, Background), AppError> {
        let clock: Arc<dyn Timer> = Arc::new(SystemClock);
        let ids: Arc<dyn IdSource> = Arc::new(UuidV7Source);
        let lifecycle = Lifecycle::default();
        let is_metered = settings.metrics_addr.is_some();
        let (hasher, passwords) = hashers(&settings.passwords, is_metered)?;
        let caches = Caches::new(settings, PgCoordination::new(database))?;
        let redis = caches.redis.clone();
        let failed = (failed_attempts(redis.as_ref()), pepper(&settings.jwt));
        let parts = Parts {
            database,
            caches,
            passwords: Arc::clone(&passwords),
            clock: clock.clone(),
            ids: Arc::clone(&ids),
            best_sellers_fresh_for: settings.cache_ttl.best_sellers.try_into()?,
            is_metered,
        };
        let (shop, desk, tasks) = parts.open(settings.desk);
        let housekeeping = housekeeping(database, clock.clone());
        let live = live_credentials(database, clock.clone());
        let keys = known_api_keys(database, &live, clock.clone());
        let credentials = (Arc::clone(&live), Arc::clone(&keys));
        let mut background = Background::start(desk.clone(), tasks, housekeeping, credentials);
        let rate_limits = rate_limits(settings, redis.as_ref(), clock.clone());
        background.agree(redis.clone());
        background.follow(database.clone());
        background.share(rate_limits.as_ref().map(RateLimits::limiter));
        let tokens = jwt_tokens(&settings.jwt, clock.clone(), &ids);
        let people = People {
            database,
            live: Arc::clone(&live),
            passwords,
            clock,
            ids: Arc::clone(&ids),
        };
        let app = Self {
            identity: people.identity(tokens.clone(), settings.sessions, failed),
            audit: AuditService::new(Arc::new(PgAudit::new(database))),
            shop,
            authentication: AuthenticationService::new(tokens, keys, live),
            ids,
            max_head: settings.http.max_head,
            bodies: Bodies::new(&settings.http, lifecycle.clone()),
            cursors: Cursors::new(&settings.jwt),
            public_keys: public_keys(&settings.jwt),
            proxies: settings.http.proxies.clone(),
            crowd: Crowd::of(settings.http.max_connections),
            rate_limits,
            probes: Probes {
                database: database.clone(),
                redis,
                desk,
                hasher,
                lifecycle,
                is_metered,
            },
        };
        Ok((app, background))
    }

    /// What is looked at when metrics are asked for.
    pub(crate) fn gauges(&self) -> Gauges {
        Gauges {
            desk: self.probes.desk.clone(),
            database: self.probes.database.clone(),
            redis: self.probes.redis.clone(),
            hasher: Arc::clone(&self.probes.hasher),
            crowd: self.crowd.clone(),
            process: Collector::default(),
        }
    }

    /// How far storage has been written; `None` where nobody needs to know.
    pub(crate) async fn written(&self) -> Result<Option<LogPosition>, StorageError> {
        self.probes.database.written().await
    }

    /// For whoever ends the server.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.probes.lifecycle.clone()
    }
}

/// The adapters and settings that the use cases are built from.
struct Parts<'a> {
    database: &'a Database,
    caches: Caches,
    passwords: Arc<dyn PasswordHasher>,
    clock: Arc<dyn Timer>,
    ids: Arc<dyn IdSource>,
    best_sellers_fresh_for: time::Duration,
    /// Whether what is done is counted.
    is_metered: bool,
}

impl Parts<'_> {
    /// Builds the use cases; orders are placed once the tasks of the desk are driven.
    fn open(self, desk: DeskSettings) -> (Shop, Desk, Vec<DeskTask>) {
        let clock = || -> Arc<dyn Clock> { self.clock.clone() };
        let ids = || Arc::clone(&self.ids);
        let orders = Arc::new(PgOrders::new(self.database));
        let mut placements: Arc<dyn PlacementStore> = orders.clone();
        let mut observer: Option<Arc<dyn DeskObserver>> = None;
        if self.is_metered {
            placements = Arc::new(MeteredPlacements::new(placements));
            observer = Some(Arc::new(MeteredWaits::new()));
        }
        let timer = Arc::clone(&self.clock);
        let (desk, tasks) = Desk::open(placements, timer, ids(), observer, desk);
        let catalog = Arc::new(PgCatalog::new(self.database));
        let shop = Shop {
            customers: CustomerService::new(
                Arc::new(PgCustomers::new(self.database)),
                self.caches.customers,
                self.passwords,
                clock(),
                ids(),
            ),
            catalog: CatalogService::new(
                catalog.clone(),
                catalog.clone(),
                catalog,
                self.caches.best_sellers,
                clock(),
                ids(),
                self.best_sellers_fresh_for,
            ),
            stock: StockService::new(Arc::new(PgStock::new(self.database)), clock(), ids()),
            orders: OrderService::new(
                desk.clone(),
                orders.clone(),
                orders,
                self.caches.orders,
                clock(),
            ),
        };
        (shop, desk, tasks)
    }
}

/// A shop for a single user who does one thing after the other, with the clock and the ids of the
/// caller, and the tasks to be driven meanwhile.
pub(crate) fn quiet_shop(
    database: &Database,
    passwords: &PasswordSettings,
    clock: Arc<dyn Timer>,
    ids: Arc<dyn IdSource>,
) -> Result<(Shop, Vec<DeskTask>), AppError> {
    let parts = Parts {
        database,
        caches: Caches::in_process(TimesToLive::default()),
        passwords: password_hasher(passwords)?,
        clock,
        ids,
        best_sellers_fresh_for: time::Duration::ZERO,
        is_metered: false,
    };
    let (shop, _, tasks) = parts.open(DeskSettings {
        workers: 1,
        max_batch: 1,
        min_parallel_batch: 1,
        max_queued: 1,
        max_lanes: 1,
        patience: time::Duration::SECOND,
    });
    Ok((shop, tasks))
}

/// A shop for the command line, in which nothing is ordered.
pub(crate) fn shop_of_the_operator(database: &Database) -> Result<Shop, AppError> {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Source));
    let (shop, _) = quiet_shop(database, &PasswordSettings::LEAST, clock, ids)?;
    Ok(shop)
}

fn jwt_tokens(
    settings: &JwtSettings,
    clock: Arc<dyn Clock>,
    ids: &Arc<dyn IdSource>,
) -> Arc<JwtTokens> {
    Arc::new(JwtTokens::new(settings, clock, Arc::clone(ids)))
}

fn housekeeping(database: &Database, clock: Arc<dyn Clock>) -> Housekeeping {
    Housekeeping::new(
        Arc::new(PgOrders::new(database)),
        Arc::new(PgSessions::new(database)),
        Arc::new(PgCatalog::new(database)),
        Arc::new(database.clone()),
        clock,
    )
}

fn known_api_keys(
    database: &Database,
    live: &Arc<LiveCredentials>,
    clock: Arc<dyn Clock>,
) -> Arc<KnownApiKeys> {
    let keys = Arc::new(PgApiKeys::new(database));
    Arc::new(KnownApiKeys::new(keys, Arc::clone(live), clock))
}

/// The service that creates accounts, for the command line.
///
/// # Errors
///
/// When the cost of passwords is out of range.
pub fn account_service(
    passwords: &PasswordSettings,
    database: &Database,
) -> Result<AccountService, AppError> {
    let clock = Arc::new(SystemClock);
    let people = People {
        database,
        live: live_credentials(database, clock.clone()),
        passwords: password_hasher(passwords)?,
        clock,
        ids: Arc::new(UuidV7Source),
    };
    Ok(people.accounts())
}

/// The account storage, for the command line.
pub(crate) fn accounts(database: &Database) -> Arc<dyn AccountRepository> {
    Arc::new(PgAccounts::new(database))
}

/// What others need to check tokens.
fn public_keys(settings: &JwtSettings) -> Vec<PublicKey> {
    let public = settings.keys().filter_map(SigningKey::public);
    public.cloned().collect()
}

fn password_hasher(settings: &PasswordSettings) -> Result<Arc<BcryptHasher>, PasswordHasherError> {
    let hasher = BcryptHasher::new(settings.cost, settings.concurrency)?;
    Ok(Arc::new(hasher))
}

/// What hashes passwords, and the same with what it does counted, if it is to be.
fn hashers(
    settings: &PasswordSettings,
    is_metered: bool,
) -> Result<(Arc<BcryptHasher>, Arc<dyn PasswordHasher>), PasswordHasherError> {
    let hasher = password_hasher(settings)?;
    let shown = Arc::clone(&hasher);
    Ok(if is_metered {
        (shown, Arc::new(MeteredHasher::new(hasher)))
    } else {
        (shown, hasher)
    })
}

/// The checks behind the health endpoints.
pub(crate) struct Probes {
    database: Database,
    redis: Option<Redis>,
    desk: Desk,
    hasher: Arc<BcryptHasher>,
    lifecycle: Lifecycle,
    pub(crate) is_metered: bool,
}

impl Probes {
    /// Whether requests are welcome.
    pub(crate) fn is_serving(&self) -> bool {
        self.lifecycle.is_serving()
    }

    /// Whether PostgreSQL answers.
    pub(crate) async fn database(&self) -> Result<(), StorageError> {
        self.database.ping().await
    }

    /// Whether Redis answers; `None` when none is configured.
    pub(crate) async fn redis(&self) -> Option<bool> {
        match &self.redis {
            Some(redis) => Some(redis.ping().await),
            None => None,
        }
    }
}
