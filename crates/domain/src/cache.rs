//! Caching what has a version: the port, and reading through it.

use std::{fmt::Display, hash::Hash, sync::Arc};

use async_trait::async_trait;

use crate::{concurrency::single_flight::SingleFlight, values::Version};

/// What can be cached: of two copies with one key, the one with the greater version is newer.
pub trait Versioned: Send + Sync + 'static {
    /// What tells one from another.
    type Key: Copy + Eq + Hash + Display + Send + Sync + 'static;

    /// Which one this is.
    fn key(&self) -> Self::Key;

    /// How new this copy is.
    fn version(&self) -> Version;
}

/// Keeps what was read or written lately. It cannot fail: what it cannot answer is a miss, what
/// it cannot keep is forgotten.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Cache<T: Versioned>: Send + Sync {
    /// The copy that is kept. MUST NOT be older than what `put` or `forget` was last given.
    async fn get(&self, key: T::Key) -> Option<Arc<T>>;

    /// Keeps this copy, unless a newer one is kept already.
    async fn put(&self, value: Arc<T>);

    /// Forgets every copy that is older than `version`, and MUST NOT take one from now on.
    async fn forget(&self, key: T::Key, version: Version);
}

/// A cache in front of storage (cache-aside): a miss is loaded once, however many ask, and what is
/// loaded or written is told to the cache.
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

    /// What is kept, or else what `load` finds. A load that began before this was called is not
    /// joined: it may have missed what was written since.
    pub(crate) async fn get<L>(&self, key: T::Key, load: L) -> Result<Option<Arc<T>>, E>
    where
        L: Future<Output = Result<Option<T>, E>> + Send + 'static,
    {
        match self.cache.get(key).await {
            Some(kept) => Ok(Some(kept)),
            None => self.loads.join_later(key, self.keep(load)).await,
        }
    }

    /// What is kept if it `is_fresh`, or else what `load` finds. Meanwhile everybody but who asked
    /// for that gets what is kept, and so does who asked when the load fails.
    pub(crate) async fn get_fresh<L>(
        &self,
        key: T::Key,
        is_fresh: impl Fn(&T) -> bool + Send,
        load: L,
    ) -> Result<Option<Arc<T>>, E>
    where
        L: Future<Output = Result<Option<T>, E>> + Send + 'static,
    {
        let load = self.keep(load);
        match self.cache.get(key).await {
            Some(kept) if is_fresh(&kept) || self.loads.is_going_on(key) => Ok(Some(kept)),
            Some(kept) => Ok(self.loads.join_any(key, load).await.unwrap_or(Some(kept))),
            None => self.loads.join_any(key, load).await,
        }
    }

    /// Tells the cache what was written, once it is committed.
    pub(crate) async fn publish(&self, value: Arc<T>) {
        self.cache.put(value).await;
    }

    /// Tells the cache that `version` may have been written, when nobody knows.
    pub(crate) async fn forget(&self, key: T::Key, version: Version) {
        self.cache.forget(key, version).await;
    }

    /// What `load` finds, told to the cache.
    fn keep<L>(&self, load: L) -> impl Future<Output = Result<Option<Arc<T>>, E>> + Send + 'static
    where
        L: Future<Output = Result<Option<T>, E>> + Send + 'static,
    {
        let cache = Arc::clone(&self.cache);
        async move {
            let found = load.await?.map(Arc::new);
            if let Some(found) = &found {
                cache.put(Arc::clone(found)).await;
            }
            Ok(found)
        }
    }
}
