//! The cache in Redis, shared by every replica.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    StorageError,
    cache::{Cache, Cached, Coordination, Lease},
    values::Version,
};

use crate::{
    address::{Address, InvalidRedisUrl},
    connections::Connections,
    entries::{FORMAT, Stored, decode, encode},
    store::{Reading, Store},
};

/// How long it takes until all replicas know of a change that is not in Redis: a second, and what PostgreSQL takes.
const UNTIL_TOLD: Duration = Duration::from_millis(1_500);

/// The connections to a Redis, shared by caches and by clones.
#[derive(Clone)]
pub struct Redis {
    pub(crate) store: Store,
    pub(crate) namespace: String,
}

/// Where Redis is, and how to use it.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// `redis://[user:password@]host:port[/database]`; of a cluster, `redis-cluster://[user:password@]host:port,…`; by
    /// Sentinels, `redis-sentinel://[user:password@]host:port,…/name[/database][?sentinel_password=…]`. With `rediss` in
    /// place of `redis` by TLS.
    pub url: String,
    /// The prefix of every key, for a Redis that other applications use too.
    pub namespace: String,
    /// The most connections for writing; reading takes one.
    pub max_connections: usize,
    /// How long to wait for an answer before continuing without Redis.
    pub timeout: Duration,
}

impl RedisSettings {
    /// How long the first change takes for which Redis is not there: it waits twice for it, and for the other
    /// replicas to be told.
    #[must_use]
    pub fn longest_change(&self) -> Duration {
        self.timeout * 2 + UNTIL_TOLD
    }
}

impl Redis {
    /// Prepares the connections; nothing is connected yet. Needs a tokio runtime. What replicas tell each
    /// other goes by `coordination`; no entry that must be current is kept for longer than `ttl`.
    ///
    /// # Errors
    ///
    /// When the URL does not name a Redis.
    pub fn new(
        settings: &RedisSettings,
        coordination: Arc<dyn Coordination>,
        ttl: Duration,
    ) -> Result<Self, InvalidRedisUrl> {
        let RedisSettings {
            url,
            namespace,
            max_connections,
            timeout,
        } = settings;
        let prefix = format!("{namespace}:{FORMAT}");
        let connections = (*max_connections, *timeout);
        let store = Store::new(
            Address::parse(url)?,
            connections,
            coordination,
            ttl,
            &prefix,
        )
        .map_err(|_| InvalidRedisUrl)?;
        Ok(Self {
            store,
            namespace: namespace.clone(),
        })
    }

    /// Checks that a URL names a Redis, without connecting to it.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn check_url(url: &str) -> Result<(), InvalidRedisUrl> {
        let address = Address::parse(url)?;
        // A cluster's nodes and Sentinels have more rules.
        Connections::new(&address, 1, Duration::from_secs(1)).map_err(|_| InvalidRedisUrl)?;
        Ok(())
    }

    /// How many parts Redis has, and how many of them are not used; everything goes on without them. A cluster has
    /// many, and else it is one.
    #[must_use]
    pub fn down(&self) -> (u32, u32) {
        self.store.down()
    }

    /// Whether replicas read in Redis what they agree on: none of them could not write a change to it.
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        self.store.is_agreed()
    }

    /// How many entries were not stored because Redis has something newer, or may have lost it.
    #[must_use]
    pub fn stale(&self) -> u64 {
        self.store.stale()
    }

    /// Hears from the other replicas whether what is in Redis may be read. Without a word from storage it
    /// is not read for long: this is to be called several times a second.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn listen(&self) -> Result<(), StorageError> {
        self.store.listen().await
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> bool {
        self.store.ping().await
    }
}

/// The cache of one kind of entity, in Redis.
pub struct RedisCache<T> {
    redis: Redis,
    ttl: Duration,
    may_lag: bool,
    of: PhantomData<fn() -> T>,
}

impl<T: Stored> RedisCache<T> {
    /// Keeps entities for `ttl`.
    #[must_use]
    pub const fn new(redis: Redis, ttl: Duration) -> Self {
        Self {
            redis,
            ttl,
            may_lag: false,
            of: PhantomData,
        }
    }

    /// For entities that may be old: they are read whatever other replicas could not write, and stored without
    /// a lease, however long it took to read them.
    #[must_use]
    pub fn that_may_lag(self) -> Self {
        Self {
            may_lag: true,
            ..self
        }
    }

    fn key(&self, key: T::Key) -> String {
        format!("{}:{FORMAT}:{}:{key}", self.redis.namespace, T::KIND)
    }
}

#[async_trait]
impl<T: Stored> Cache<T> for RedisCache<T> {
    /// An entry is foreign when it cannot be decoded, or when its key or version do not match its
    /// entity: it is a miss, and is removed.
    async fn get(&self, id: T::Key) -> Cached<T> {
        let (store, key) = (&self.redis.store, self.key(id));
        let reading = if self.may_lag {
            Reading::Lagging
        } else {
            Reading::Current
        };
        let kept = match store.get(&key, reading).await {
            Ok(kept) => kept,
            Err(lease) => return Cached::Miss(lease),
        };
        if let Some(value) = decode::<T>(&kept).filter(|value| value.key() == id) {
            return Cached::Hit(Arc::new(value));
        }
        store.remove(&key, &kept).await;
        Cached::Miss(Lease::NONE)
    }

    async fn put(&self, value: Arc<T>, lease: Lease) {
        let (key, version) = (self.key(value.key()), value.version().number());
        let store = &self.redis.store;
        match encode(&*value) {
            Ok(body) if self.may_lag => store.keep(&key, version, &body, self.ttl).await,
            Ok(body) => store.put(&key, (version, lease), &body, self.ttl).await,
            Err(error) => tracing::error!(%error, key, "an entity cannot be cached"),
        }
    }

    async fn publish(&self, value: Arc<T>) {
        let (key, version) = (self.key(value.key()), value.version().number());
        let body = encode(&*value).unwrap_or_else(|error| {
            tracing::error!(%error, key, "an entity cannot be cached");
            Vec::new()
        });
        self.redis
            .store
            .publish(&key, version, &body, self.ttl)
            .await;
    }

    async fn outdate(&self, id: T::Key, version: Version) {
        let (key, version) = (self.key(id), version.number());
        self.redis.store.outdate(&key, version, self.ttl).await;
    }

    async fn forget(&self, id: T::Key, version: Version) {
        let (key, version) = (self.key(id), version.number());
        self.redis.store.publish(&key, version, &[], self.ttl).await;
    }
}
