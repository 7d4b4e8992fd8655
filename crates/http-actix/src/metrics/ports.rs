//! Ports of the domain, with what goes through them counted.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use domain::{
    StorageError,
    cache::{Cache, Cached, Lease, Versioned},
    identity::{
        Password, PasswordCheck, PasswordHash, PasswordHasher, PasswordHasherError, Requester,
        Verdict,
    },
    orders::{
        DeskObserver, DeskQueue, LockWait, PlacementStore,
        placement::{Plan, Scope, State},
    },
    unit_of_work::{CommitError, Opened, UnitOfWork},
    values::Version,
};
use metrics::{Counter, Histogram, counter, histogram};

use super::{
    float,
    names::{
        BATCH_FAILURES, BATCH_ORDERS, BATCH_SECONDS, CACHE_READS, DESK_WAIT_SECONDS, ORDERS_PLACED,
        PASSWORD_SECONDS, PASSWORDS_REFUSED,
    },
};

/// A cache, with its hits and misses.
pub(crate) struct MeteredCache<T> {
    cache: Arc<dyn Cache<T>>,
    hits: Counter,
    misses: Counter,
}

impl<T> MeteredCache<T> {
    pub(crate) fn new(cache: Arc<dyn Cache<T>>, name: &'static str) -> Self {
        Self {
            cache,
            hits: counter!(CACHE_READS, "cache" => name, "result" => "hit"),
            misses: counter!(CACHE_READS, "cache" => name, "result" => "miss"),
        }
    }
}

#[async_trait]
impl<T: Versioned> Cache<T> for MeteredCache<T> {
    async fn get(&self, key: T::Key) -> Cached<T> {
        let kept = self.cache.get(key).await;
        let reads = match kept {
            Cached::Hit(_) => &self.hits,
            Cached::Miss(_) => &self.misses,
        };
        reads.increment(1);
        kept
    }

    async fn put(&self, value: Arc<T>, lease: Lease) {
        self.cache.put(value, lease).await;
    }

    async fn publish(&self, value: Arc<T>) {
        self.cache.publish(value).await;
    }

    async fn outdate(&self, key: T::Key, version: Version) {
        self.cache.outdate(key, version).await;
    }

    async fn forget(&self, key: T::Key, version: Version) {
        self.cache.forget(key, version).await;
    }
}

/// What hashes passwords, with how long that takes.
pub(crate) struct MeteredHasher {
    hasher: Arc<dyn PasswordHasher>,
    hashing: Histogram,
    checking: Histogram,
    refused: Counter,
}

impl MeteredHasher {
    pub(crate) fn new(hasher: Arc<dyn PasswordHasher>) -> Self {
        Self {
            hasher,
            hashing: histogram!(PASSWORD_SECONDS, "work" => "hash"),
            checking: histogram!(PASSWORD_SECONDS, "work" => "check"),
            refused: counter!(PASSWORDS_REFUSED),
        }
    }

    fn record<T>(
        &self,
        seconds: &Histogram,
        start: Instant,
        done: &Result<T, PasswordHasherError>,
    ) {
        match done {
            Ok(_) => seconds.record(start.elapsed()),
            Err(PasswordHasherError::Busy) => self.refused.increment(1),
            Err(PasswordHasherError::Failed(_)) => {}
        }
    }
}

#[async_trait]
impl PasswordHasher for MeteredHasher {
    async fn hash(
        &self,
        password: Password,
        requester: Requester,
    ) -> Result<PasswordHash, PasswordHasherError> {
        let start = Instant::now();
        let done = self.hasher.hash(password, requester).await;
        self.record(&self.hashing, start, &done);
        done
    }

    async fn check(&self, check: PasswordCheck) -> Result<Verdict, PasswordHasherError> {
        let start = Instant::now();
        let done = self.hasher.check(check).await;
        self.record(&self.checking, start, &done);
        done
    }
}

/// Where orders are placed, with its batches.
pub(crate) struct MeteredPlacements {
    store: Arc<dyn PlacementStore>,
    batches: Batches,
}

/// What is counted of batches.
#[derive(Clone)]
struct Batches {
    placed: Counter,
    orders: Histogram,
    opening: Histogram,
    committing: Histogram,
    failed: Counter,
}

impl MeteredPlacements {
    pub(crate) fn new(store: Arc<dyn PlacementStore>) -> Self {
        Self {
            store,
            batches: Batches {
                placed: counter!(ORDERS_PLACED),
                orders: histogram!(BATCH_ORDERS),
                opening: histogram!(BATCH_SECONDS, "part" => "open"),
                committing: histogram!(BATCH_SECONDS, "part" => "commit"),
                failed: counter!(BATCH_FAILURES),
            },
        }
    }
}

#[async_trait]
impl PlacementStore for MeteredPlacements {
    async fn open(
        &self,
        scope: &Scope,
        wait: LockWait,
    ) -> Result<Opened<State, Plan>, StorageError> {
        let start = Instant::now();
        let opened = self.store.open(scope, wait).await;
        self.batches.opening.record(start.elapsed());
        let Opened { state, unit } = opened.inspect_err(|_| self.batches.failed.increment(1))?;
        let batches = self.batches.clone();
        Ok(Opened {
            state,
            unit: Box::new(MeteredUnit { unit, batches }),
        })
    }

    async fn peek(&self, scope: &Scope) -> Result<State, StorageError> {
        self.store.peek(scope).await
    }
}

/// How long orders wait at the desk.
pub(crate) struct MeteredWaits {
    orders: Histogram,
    lanes: Histogram,
}

impl MeteredWaits {
    pub(crate) fn new() -> Self {
        Self {
            orders: histogram!(DESK_WAIT_SECONDS, "queue" => "orders"),
            lanes: histogram!(DESK_WAIT_SECONDS, "queue" => "lanes"),
        }
    }
}

impl DeskObserver for MeteredWaits {
    fn waited(&self, queue: DeskQueue, wait: time::Duration) {
        let seconds = match queue {
            DeskQueue::Orders => &self.orders,
            DeskQueue::Lanes => &self.lanes,
        };
        seconds.record(wait.as_seconds_f64());
    }
}

/// An open transaction, with what becomes of it.
struct MeteredUnit {
    unit: Box<dyn UnitOfWork<Plan>>,
    batches: Batches,
}

#[async_trait]
impl UnitOfWork<Plan> for MeteredUnit {
    async fn commit(self: Box<Self>, plan: &Plan) -> Result<(), CommitError> {
        let Self { unit, batches } = *self;
        let start = Instant::now();
        let committed = unit.commit(plan).await;
        batches.committing.record(start.elapsed());
        match &committed {
            Ok(()) => {
                let orders = plan.accepted().count();
                batches.orders.record(float(orders));
                batches
                    .placed
                    .increment(u64::try_from(orders).unwrap_or(u64::MAX));
            }
            Err(_) => batches.failed.increment(1),
        }
        committed
    }

    async fn abandon(self: Box<Self>) -> Result<(), StorageError> {
        self.unit.abandon().await
    }
}
