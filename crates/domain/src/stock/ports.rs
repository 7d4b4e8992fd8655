//! The port of stock.

use async_trait::async_trait;

use super::{BookEntry, LedgerEntry, ProductStock, Stock, StockChange, StockLevel};
use crate::{
    StorageError,
    bulk::Export,
    catalog::ProductId,
    idempotency::{Creation, CreationKey},
    unit_of_work::Opened,
    values::{Page, PageRequest},
};

/// Reads and changes the stock of products, outside of orders.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait StockRepository: Send + Sync {
    /// The stock of this product; `None` when there is no such product.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, product_id: ProductId) -> Result<Option<Stock>, StorageError>;

    /// Locks the stock of this product to change it; `None` when there is no such product. It MUST
    /// wait for placements that have locked this stock.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn open(
        &self,
        product_id: ProductId,
    ) -> Result<Option<Opened<Stock, StockChange>>, StorageError>;

    /// The movement that was recorded under this key, by whichever request.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn recorded_under(&self, key: &CreationKey) -> Result<Option<Creation>, StorageError>;

    /// The entry of a movement in the ledger of this product.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn entry(
        &self,
        product_id: ProductId,
        movement: Creation,
    ) -> Result<Option<LedgerEntry>, StorageError>;

    /// A page of the ledger of this product, the newest entries first; empty when there is no such
    /// product.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn ledger(
        &self,
        product_id: ProductId,
        page: &PageRequest,
    ) -> Result<Page<LedgerEntry>, StorageError>;

    /// A page of the products that are sold and of which there is less than this; those of which
    /// there is least come first.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn levels(
        &self,
        below: StockLevel,
        page: &PageRequest,
    ) -> Result<Page<ProductStock>, StorageError>;

    /// The levels and the ledgers of all products, as of one moment, in any sequence.
    fn books(&self) -> Export<BookEntry>;
}
