//! The cache in this process, used when there is no Redis. Other replicas do not see it, so without
//! Redis there should be one replica.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::{
    cache::{Cache, Versioned},
    values::Version,
};
use moka::{
    Expiry,
    ops::compute::Op,
    sync::{Cache as MokaCache, CacheBuilder},
};

use crate::times::jittered;

/// The most entries that are kept.
const MAX_ENTRIES: u64 = 100_000;

/// The cache of one kind of entity, in this process.
pub struct InProcessCache<T: Versioned> {
    entries: MokaCache<T::Key, Entry<T>>,
}

/// The entry of a key: a copy, or the version before which every copy is forgotten.
struct Entry<T> {
    version: Version,
    value: Option<Arc<T>>,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            version: self.version,
            value: self.value.clone(),
        }
    }
}

impl<T: Versioned> InProcessCache<T> {
    /// An empty cache, whose entries live for `ttl`.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        let entries = CacheBuilder::new(MAX_ENTRIES).expire_after(Jittered(ttl));
        Self {
            entries: entries.build(),
        }
    }

    /// Stores an entry unless a newer one is stored, in one step.
    fn keep_newer(&self, key: T::Key, entry: Entry<T>) {
        self.entries.entry(key).and_compute_with(|kept| match kept {
            Some(kept) if kept.value().version > entry.version => Op::Nop,
            _ => Op::Put(entry),
        });
    }
}

#[async_trait]
impl<T: Versioned> Cache<T> for InProcessCache<T> {
    async fn get(&self, key: T::Key) -> Option<Arc<T>> {
        self.entries.get(&key)?.value
    }

    async fn put(&self, value: Arc<T>) {
        let entry = Entry {
            version: value.version(),
            value: Some(Arc::clone(&value)),
        };
        self.keep_newer(value.key(), entry);
    }

    async fn forget(&self, key: T::Key, version: Version) {
        let nothing = Entry {
            version,
            value: None,
        };
        self.keep_newer(key, nothing);
    }
}

/// Entries live for this time ±10 %, from their last write.
struct Jittered(Duration);

impl<K, V> Expiry<K, V> for Jittered {
    fn expire_after_create(&self, _: &K, _: &V, _: Instant) -> Option<Duration> {
        Some(jittered(self.0))
    }

    fn expire_after_update(
        &self,
        _: &K,
        _: &V,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(jittered(self.0))
    }
}
