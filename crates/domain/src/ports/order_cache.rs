//! The cache of orders.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Order, OrderId};

/// Keeps orders that were read or written lately.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OrderCache: Send + Sync {
    /// The order, if it is kept. MUST NOT be older than what `put` was last given for it.
    async fn get(&self, id: OrderId) -> Option<Arc<Order>>;

    /// Keeps this order, unless a newer version of it is kept already.
    async fn put(&self, order: Arc<Order>);
}
