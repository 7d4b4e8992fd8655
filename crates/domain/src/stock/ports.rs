//! What stock asks of the outside.

use async_trait::async_trait;

use super::{Stock, StockLevel};
use crate::{StorageError, catalog::ProductId};

/// Reads and sets the stock of a product, outside of orders.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait StockRepository: Send + Sync {
    /// The stock of this product.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, product_id: ProductId) -> Result<Option<Stock>, StorageError>;

    /// Sets the units of this product that can be ordered, and answers with its stock. `None`
    /// when there is no such product. It MUST wait for placements that hold this stock.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is set then.
    async fn set(
        &self,
        product_id: ProductId,
        available: StockLevel,
    ) -> Result<Option<Stock>, StorageError>;
}
