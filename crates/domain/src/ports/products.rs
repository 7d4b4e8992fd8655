//! Products in storage.

use async_trait::async_trait;

use crate::{Product, ProductId, Stock, StockedProduct, StorageError};

/// Finds and keeps products.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ProductRepository: Send + Sync {
    /// The product with this id, and its stock of the same moment.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: ProductId) -> Result<Option<StockedProduct>, StorageError>;

    /// Keeps a new product together with its stock: both or neither.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn insert(&self, product: &Product, stock: &Stock) -> Result<(), StorageError>;
}
