//! A cache in this process in front of another one, for entities that are read often and may be
//! stale.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    cache::{Cache, Cached, Lease, Versioned},
    values::Version,
};

use crate::InProcessCache;

/// Keeps the answers of `far` in this process for a moment. Only for entities of which a replica
/// may show an older version: other replicas are not notified of a write.
pub struct NearCache<T: Versioned> {
    near: InProcessCache<T>,
    far: Arc<dyn Cache<T>>,
}

impl<T: Versioned> NearCache<T> {
    /// Keeps an answer for `ttl`, and then asks `far` again.
    #[must_use]
    pub fn new(far: Arc<dyn Cache<T>>, ttl: Duration) -> Self {
        Self {
            near: InProcessCache::new(ttl).that_may_lag(),
            far,
        }
    }
}

#[async_trait]
impl<T: Versioned> Cache<T> for NearCache<T> {
    async fn get(&self, key: T::Key) -> Cached<T> {
        if let hit @ Cached::Hit(_) = self.near.get(key).await {
            return hit;
        }
        let kept = self.far.get(key).await;
        if let Cached::Hit(value) = &kept {
            self.near.put(Arc::clone(value), Lease::NONE).await;
        }
        kept
    }

    async fn put(&self, value: Arc<T>, lease: Lease) {
        self.near.put(Arc::clone(&value), Lease::NONE).await;
        self.far.put(value, lease).await;
    }

    async fn publish(&self, value: Arc<T>) {
        self.near.publish(Arc::clone(&value)).await;
        self.far.publish(value).await;
    }

    async fn outdate(&self, key: T::Key, version: Version) {
        self.near.outdate(key, version).await;
        self.far.outdate(key, version).await;
    }

    async fn forget(&self, key: T::Key, version: Version) {
        self.near.forget(key, version).await;
        self.far.forget(key, version).await;
    }
}
