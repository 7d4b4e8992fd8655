//! The port of stock.

use async_trait::async_trait;

use super::{Stock, StockLevel};
use crate::{StorageError, catalog::ProductId};

/// Reads and sets the stock of a product, outside of orders.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait StockRepository: Send + Sync {
    /// The stock of this product; `None` when there is no such product.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, product_id: ProductId) -> Result<Option<Stock>, StorageError>;

    /// Sets the units of this product that can be ordered, and returns its stock; `None` when there
    /// is no such product. It MUST wait for placements that have locked this stock.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is set.
    async fn set(
        &self,
        product_id: ProductId,
        available: StockLevel,
    ) -> Result<Option<Stock>, StorageError>;
}
