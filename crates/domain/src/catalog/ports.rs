//! The ports of the catalogue.

use async_trait::async_trait;
use time::Date;

use super::{BestSeller, Product, ProductId, StockedProduct};
use crate::{StorageError, stock::Stock};

/// Stores products.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ProductRepository: Send + Sync {
    /// The product with this id and its stock, both read at the same moment.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: ProductId) -> Result<Option<StockedProduct>, StorageError>;

    /// Inserts a new product and its stock: both or neither.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn insert(&self, product: &Product, stock: &Stock) -> Result<(), StorageError>;
}

/// Calculates the best sellers.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait BestSellersReport: Send + Sync {
    /// The `limit` products with the most units ordered on `first_day` (UTC) or later, most first,
    /// without cancelled orders. Products with equal sales are in id order. When the caller stops
    /// waiting, the report MUST stop.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn since(&self, first_day: Date, limit: u16) -> Result<Vec<BestSeller>, StorageError>;
}

/// The sales totals from which best sellers are read. Placements and cancellations record their own
/// sales.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SalesTotals: Send + Sync {
    /// Adds the sales that were recorded since the last call to the totals, and returns how many
    /// records there were. Reports count recorded sales in any case; gathering makes reports fast.
    /// Does nothing while another process changes the totals.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is gathered, and nothing is lost.
    async fn gather(&self) -> Result<u64, StorageError>;

    /// Recalculates the totals from the orders, and returns the first `most` of the corrections.
    /// Orders MAY be placed and cancelled meanwhile, and MUST be counted once.
    ///
    /// # Errors
    ///
    /// When storage fails: the totals are unchanged.
    async fn rebuild(&self, most: u16) -> Result<SalesRebuild, StorageError>;
}

/// The result of [`SalesTotals::rebuild`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesRebuild {
    /// How many totals were wrong; there is one total per product and day.
    pub differed: u64,
    /// The first of them, by day.
    pub first: Vec<SalesCorrection>,
}

/// A wrong total of one product and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesCorrection {
    /// The product.
    pub product_id: ProductId,
    /// The day on which the orders were placed, in UTC.
    pub day: Date,
    /// The units in the totals; `None` when there was no total for that day.
    pub was: Option<i64>,
    /// The units that were sold, according to the orders.
    pub now: i64,
}
