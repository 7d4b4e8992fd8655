//! Orders in storage, for reading. They are placed through [`super::PlacementStore`] and moved
//! through [`super::StatusChangeStore`].

use async_trait::async_trait;

use crate::{Order, OrderId, StorageError};

/// Finds orders.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OrderRepository: Send + Sync {
    /// The order with this id, whole: its items are those of one moment.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: OrderId) -> Result<Option<Order>, StorageError>;
}
