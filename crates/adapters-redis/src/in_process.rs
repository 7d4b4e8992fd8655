//! The cache in this process, used when there is no Redis. Other replicas do not see it, so without
//! Redis there should be one replica.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::{
    cache::{Cache, Cached, Lease, Versioned},
    values::Version,
};
use moka::{
    Entry as MokaEntry, Expiry,
    ops::compute::Op,
    sync::{Cache as MokaCache, CacheBuilder},
};

use crate::{leases, times::jittered};

/// The most entries that are kept.
const MAX_ENTRIES: u64 = 100_000;

/// The cache of one kind of entity, in this process.
pub struct InProcessCache<T: Versioned> {
    entries: MokaCache<T::Key, Entry<T>>,
    may_lag: bool,
}

/// What there is of a key.
enum Entry<T> {
    Copy(Arc<T>),
    /// The version before which every copy is forgotten.
    Forgotten(Version),
    Leased(Lease),
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Copy(value) => Self::Copy(Arc::clone(value)),
            Self::Forgotten(version) => Self::Forgotten(*version),
            Self::Leased(lease) => Self::Leased(*lease),
        }
    }
}

impl<T: Versioned> Entry<T> {
    fn version(&self) -> Option<Version> {
        match self {
            Self::Copy(value) => Some(value.version()),
            Self::Forgotten(version) => Some(*version),
            Self::Leased(_) => None,
        }
    }
}

impl<T: Versioned> InProcessCache<T> {
    /// An empty cache, whose entries live for `ttl`.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        let entries = CacheBuilder::new(MAX_ENTRIES).expire_after(Expiring(ttl));
        Self {
            entries: entries.build(),
            may_lag: false,
        }
    }

    /// For entities that may be old: they are stored without a lease, however long it took to read them.
    #[must_use]
    pub fn that_may_lag(self) -> Self {
        Self {
            may_lag: true,
            ..self
        }
    }

    /// Stores an entry unless a newer one is stored, in one step.
    fn keep_newer(&self, key: T::Key, entry: Entry<T>) {
        self.entries.entry(key).and_compute_with(|kept| {
            let kept = kept.and_then(|kept| kept.value().version());
            if kept > entry.version() {
                Op::Nop
            } else {
                Op::Put(entry)
            }
        });
    }
}

#[async_trait]
impl<T: Versioned> Cache<T> for InProcessCache<T> {
    async fn get(&self, key: T::Key) -> Cached<T> {
        let kept = self.entries.get(&key).unwrap_or_else(|| {
            let lease = || Entry::Leased(leases::new());
            self.entries.entry(key).or_insert_with(lease).into_value()
        });
        match kept {
            Entry::Copy(value) => Cached::Hit(value),
            Entry::Forgotten(_) => Cached::Miss(Lease::NONE),
            Entry::Leased(lease) => Cached::Miss(lease),
        }
    }

    async fn put(&self, value: Arc<T>, lease: Lease) {
        if self.may_lag {
            return self.keep_newer(value.key(), Entry::Copy(value));
        }
        let version = value.version();
        self.entries.entry(value.key()).and_compute_with(|kept| {
            let may_replace = match kept.map(MokaEntry::into_value) {
                None => false,
                Some(Entry::Leased(kept)) => kept == lease,
                Some(kept) => kept.version() <= Some(version),
            };
            if may_replace {
                Op::Put(Entry::Copy(value))
            } else {
                Op::Nop
            }
        });
    }

    async fn publish(&self, value: Arc<T>) {
        let version = Some(value.version());
        self.entries.entry(value.key()).and_compute_with(|kept| {
            match kept.map(|kept| kept.value().version()) {
                None => Op::Nop,
                Some(kept) if kept > version => Op::Nop,
                Some(kept) if kept == version => Op::Put(Entry::Copy(value)),
                Some(_) => Op::Put(Entry::Forgotten(value.version())),
            }
        });
    }

    async fn forget(&self, key: T::Key, version: Version) {
        self.keep_newer(key, Entry::Forgotten(version));
    }
}

/// Entries live for this time ±10 %, from their last write, and leases for theirs.
struct Expiring(Duration);

impl Expiring {
    fn of<T>(&self, entry: &Entry<T>) -> Duration {
        match entry {
            Entry::Leased(_) => leases::TTL,
            Entry::Copy(_) | Entry::Forgotten(_) => jittered(self.0),
        }
    }
}

impl<K, T> Expiry<K, Entry<T>> for Expiring {
    fn expire_after_create(&self, _: &K, entry: &Entry<T>, _: Instant) -> Option<Duration> {
        Some(self.of(entry))
    }

    fn expire_after_update(
        &self,
        _: &K,
        entry: &Entry<T>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.of(entry))
    }
}
