//! Real servers on free ports.

use std::{net::SocketAddr, sync::mpsc, thread, time::Duration};

use adapters_postgres::DatabaseSettings;
use adapters_redis::RedisSettings;
use domain::{
    identity::{Caller, ClientAddress, NewAccount, Password, SessionLifetime, ShopRole},
    orders::DeskSettings,
    values::Email,
};
use http_actix::{
    adapters::{JwtSettings, SigningKey},
    app::{App, account_service},
    cors::Origins,
    proxies::TrustedProxies,
    server,
    settings::{HttpSettings, PasswordSettings, Settings, TimesToLive},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Client, PATIENCE, TestDatabase, variable};

/// The password of every account that a test makes.
pub const PASSWORD: &str = "correct horse battery";

/// The least cost that bcrypt knows: tests are not about slowness.
const PASSWORDS: PasswordSettings = PasswordSettings {
    cost: 4,
    concurrency: 2,
};

/// The desk of a test's server; other desks of tests say only in what they differ from it.
pub(crate) const DESK: DeskSettings = DeskSettings {
    workers: 2,
    max_batch: 256,
    min_parallel_batch: 16,
    max_queued: 4_096,
    max_lanes: 4,
    patience: time::Duration::milliseconds(1_500),
};

/// Where a server keeps its caches.
#[derive(Debug, Clone)]
pub enum Caches {
    /// In its process.
    InProcess,
    /// In Redis.
    Redis(RedisSettings),
}

impl Caches {
    /// In Redis, under keys that no other test uses.
    #[must_use]
    pub fn redis() -> Self {
        Self::redis_at(&variable("TEST_REDIS_URL"))
    }

    /// In the Redis at this URL.
    #[must_use]
    pub fn redis_at(url: &str) -> Self {
        Self::at(url, Duration::from_secs(5))
    }

    /// In the Redis at this URL, which answers soon or not at all.
    #[must_use]
    pub fn that_may_be_away(url: &str) -> Self {
        Self::at(url, Duration::from_millis(500))
    }

    fn at(url: &str, timeout: Duration) -> Self {
        Self::Redis(RedisSettings {
            url: url.to_owned(),
            namespace: format!("test-{}", Uuid::new_v4().simple()),
            max_connections: 4,
            timeout,
        })
    }
}

/// A server that runs until this value is dropped.
pub struct TestServer {
    addr: SocketAddr,
    database_url: String,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

impl TestServer {
    /// Starts a server over a database.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(database: &TestDatabase, caches: Caches) -> Self {
        Self::start_with(database, caches, |_| {})
    }

    /// Starts a server over a database, with settings that differ from those of the others.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_with(
        database: &TestDatabase,
        caches: Caches,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let database_url = database.url();
        let mut settings = settings(database, caches);
        change(&mut settings);
        let (started, start) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let database = adapters_postgres::Database::new(&settings.database);
                let (app, background) = App::new(&settings, &database.unwrap()).unwrap();
                let (server, addr) = server::bind(&settings.http, app).unwrap();
                started.send((server.handle(), addr)).unwrap();
                server.await.unwrap();
                background.finish(Instant::now() + PATIENCE).await;
            });
        });
        let (handle, addr) = start.recv().unwrap();
        let stop = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(handle.stop(false));
            thread.join().unwrap();
        };
        Self {
            addr,
            database_url,
            stop: Some(Box::new(stop)),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A client without a token.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::new(self.addr)
    }

    /// A client with a new administrator's token.
    pub async fn admin(&self) -> Client {
        self.one_of_the_shop(ShopRole::Admin).await
    }

    /// A client with a new token of somebody who works in the shop.
    pub async fn staff(&self) -> Client {
        self.one_of_the_shop(ShopRole::Staff).await
    }

    /// A client with the token of a customer who has just signed up, and the customer's id.
    pub async fn customer(&self) -> (Client, String) {
        let email = format!("{}@example.com", Uuid::new_v4().simple());
        let body = serde_json::json!({"nome": "Ana Souza", "email": email, "password": PASSWORD});
        let customer = self.anonymous().post("/customers", &body).await.expect(201);
        let id = customer.body["id"].as_str().unwrap().to_owned();
        (self.anonymous().logged_in(&email).await, id)
    }

    async fn one_of_the_shop(&self, role: ShopRole) -> Client {
        let email = format!("{}@example.com", Uuid::new_v4().simple());
        let settings = DatabaseSettings::parse(&self.database_url, 1).unwrap();
        let database = adapters_postgres::Database::new(&settings).unwrap();
        let new = NewAccount {
            email: Email::parse(&email).unwrap(),
            role,
            password: Some(Password::parse(PASSWORD.to_owned()).unwrap()),
        };
        account_service(&PASSWORDS, &database)
            .unwrap()
            .create(&Caller::OPERATOR, new, ClientAddress::LOCAL)
            .await
            .unwrap();
        self.anonymous().logged_in(&email).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // On a thread of its own: this one may be inside a runtime.
            let stopped = thread::spawn(stop).join();
            if !thread::panicking() {
                stopped.unwrap();
            }
        }
    }
}

fn settings(database: &TestDatabase, caches: Caches) -> Settings {
    Settings {
        http: HttpSettings {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            workers: 2,
            max_connections: 1_024,
            read_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(2),
            max_head: 32 * 1_024,
            max_body: 256 * 1_024,
            bodies_memory: 64,
            proxies: TrustedProxies::default(),
            cors_origins: Origins::default(),
            shutdown_delay: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(30),
        },
        rate_limits: None,
        metrics_addr: None,
        database: database.settings(8),
        redis: match caches {
            Caches::InProcess => None,
            Caches::Redis(settings) => Some(settings),
        },
        cache_ttl: TimesToLive::default(),
        jwt: JwtSettings {
            current: SigningKey::secret(&"the same secret for every server of a test".into()),
            previous: Vec::new(),
            ttl: Duration::from_mins(15),
            audience: JwtSettings::AUDIENCE.to_owned(),
        },
        sessions: SessionLifetime {
            idle: time::Duration::days(7),
            total: time::Duration::days(30),
        },
        passwords: PASSWORDS,
        desk: DESK,
    }
}
