//! The cache of versioned entities: its port, and read-through.

use std::{fmt::Display, hash::Hash, num::NonZeroU64, sync::Arc, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use crate::{StorageError, concurrency::single_flight::SingleFlight, values::Version};

/// An entity that can be cached. Of two copies with the same key, the one with the greater version
/// is newer.
pub trait Versioned: Send + Sync + 'static {
    /// Identifies one entity among those of its type.
    type Key: Copy + Eq + Hash + Display + Send + Sync + 'static;

    /// The key, the same in every version of the entity.
    fn key(&self) -> Self::Key;

    /// The version of this copy.
    fn version(&self) -> Version;
}

/// What a cache has of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cached<T> {
    /// This copy.
    Hit(Arc<T>),
    /// Nothing. What is read from now on may be put under this lease.
    Miss(Lease),
}

/// The right to put what is read after it was given (Nishtala et al., "Scaling Memcache at Facebook",
/// NSDI 2013, section 3.2.1). A cache that has lost what was written since has lost the lease as well, so
/// that it is not given something older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(Option<NonZeroU64>);

impl Lease {
    /// No right, but to replace something older.
    pub const NONE: Self = Self(None);

    /// The lease with this number, which the cache gives once.
    #[must_use]
    pub const fn new(number: NonZeroU64) -> Self {
        Self(Some(number))
    }

    /// Its number, if it is one.
    #[must_use]
    pub const fn number(self) -> Option<NonZeroU64> {
        self.0
    }
}

/// A cache of recently read or written entities. It cannot fail: a read that fails is a miss, and a
/// value that cannot be kept is forgotten.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Cache<T: Versioned>: Send + Sync {
    /// The cached copy. It MUST NOT be older than the version last given to `publish` or `forget`, at
    /// whichever replica.
    async fn get(&self, key: T::Key) -> Cached<T>;

    /// Stores this copy, which was read after the lease was given, in place of an older one or of the
    /// lease. Where there is neither, nothing is stored.
    async fn put(&self, value: Arc<T>, lease: Lease);

    /// Stores this copy, which was written, where it was told of by `outdate` and nothing newer is stored; where
    /// there is something else, that there is this version. Once it returns no replica is shown an older one.
    async fn publish(&self, value: Arc<T>);

    /// Removes every copy older than `version`, which is about to be written, and MUST NOT accept one from now
    /// on. A replica that cannot be reached may be shown one for a moment longer.
    async fn outdate(&self, key: T::Key, version: Version) {
        self.forget(key, version).await;
    }

    /// Removes every copy older than `version`, and MUST NOT accept one from now on. Once it returns no
    /// replica is shown one.
    async fn forget(&self, key: T::Key, version: Version);
}

/// The server that replicas share as their cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedServer {
    /// How often they have agreed on one, from 1.
    pub generation: i64,
    /// What it calls itself. One that was started again, or took another's place, calls itself something else.
    pub id: String,
    /// How long ago they agreed on it, by the clock of storage.
    pub agreed: Duration,
}

/// What replicas have told each other of the cache that they share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Which parts of it are closed, a bit for each.
    pub closed: u64,
    /// The server, once they have agreed on one.
    pub server: Option<SharedServer>,
}

/// What replicas tell each other, through storage, which all of them reach, about the cache that they share:
/// where it is, and that one of them cannot write to it, so that what others find there may be old.
#[async_trait]
pub trait Coordination: Send + Sync {
    /// Closes parts of the cache, a bit for each, for this long at most, under an id of this closure; again, if
    /// they are closed.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn close(&self, id: Uuid, parts: u64, duration: Duration) -> Result<(), StorageError>;

    /// Ends these closures. One of them MUST NOT be made again.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn open(&self, ids: &[Uuid]) -> Result<(), StorageError>;

    /// What all of them have told.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn heard(&self) -> Result<Heard, StorageError>;

    /// Lets all of them share this server instead of that of this generation (`None`: they share none yet). Nothing
    /// is changed when by now they share another one, or have agreed on theirs less than `patience` ago.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn share(
        &self,
        server: &str,
        instead_of: Option<i64>,
        patience: Duration,
    ) -> Result<(), StorageError>;
}

/// Read-through, by cache-aside: concurrent misses of one key share one load, and what is loaded or written
/// is offered to the cache.
pub(crate) struct ReadThrough<T: Versioned, E> {
    cache: Arc<dyn Cache<T>>,
    loads: SingleFlight<T::Key, T, E>,
}

impl<T: Versioned, E: Clone + Send + Sync + 'static> ReadThrough<T, E> {
    pub(crate) fn new(cache: Arc<dyn Cache<T>>) -> Self {
        Self {
            cache,
            loads: SingleFlight::new(),
        }
    }

    /// The cached value, or else the result of `load`. A load that began before this call is not
    /// joined: it may have missed a later write.
    pub(crate) async fn get<L>(
        &self,
        key: T::Key,
        load: impl FnOnce() -> L + Send,
    ) -> Result<Option<Arc<T>>, E>
    where
        L: Future<Output = Result<Option<T>, E>> + Send + 'static,
    {
        match self.cache.get(key).await {
            Cached::Hit(kept) => Ok(Some(kept)),
            Cached::Miss(lease) => {
                let load = self.keep(load(), lease);
                self.loads.join_later(key, load).await
            }
        }
    }

    /// The cached value if it `is_fresh`, or else the result of `load`. While the load runs, other
    /// callers get the stale value. The caller that started the load gets it too if the load fails.
    pub(crate) async fn get_fresh<L>(
        &self,
        key: T::Key,
        is_fresh: impl Fn(&T) -> bool + Send,
        load: impl FnOnce() -> L + Send,
    ) -> Result<Option<Arc<T>>, E>
    where
        L: Future<Output = Result<Option<T>, E>> + Send + 'static,
    {
        let (kept, lease) = match self.cache.get(key).await {
            Cached::Hit(kept) => (Some(kept), Lease::NONE),
            Cached::Miss(lease) => (None, lease),
        };
        if let Some(kept) = &kept
            && (is_fresh(kept) || self.loads.is_in_progress(key))
        {
            return Ok(Some(Arc::clone(kept)));
        }
        let loaded = self.loads.join_any(key, self.keep(load(), lease)).await;
        match kept {
            Some(kept) => Ok(loaded.unwrap_or(Some(kept))),
            None => loaded,
        }
    }

    /// Puts a value into the cache, once its write is committed.
    pub(crate) async fn publish(&self, value: Arc<T>) {
        self.cache.publish(value).await;
    }

    /// Removes copies older than `version`, which is about to be written. Whoever writes may end, or hear
    /// nothing, before that can be published: by then nobody may be shown an older copy.
    pub(crate) async fn outdate(&self, key: T::Key, version: Version) {
        self.cache.outdate(key, version).await;
    }

    /// Removes copies older than `version`, of which there is none to publish.
    pub(crate) async fn forget(&self, key: T::Key, version: Version) {
        self.cache.forget(key, version).await;
    }

    /// Runs `load` and puts its result into the cache.
    fn keep<L>(
        &self,
        load: L,
        lease: Lease,
    ) -> impl Future<Output = Result<Option<Arc<T>>, E>> + Send + 'static
    where
        L: Future<Output = Result<Option<T>, E>> + Send + 'static,
    {
        let cache = Arc::clone(&self.cache);
        async move {
            let found = load.await?.map(Arc::new);
            if let Some(found) = &found {
                cache.put(Arc::clone(found), lease).await;
            }
            Ok(found)
        }
    }
}
