//! What the catalogue asks of the outside.

use async_trait::async_trait;
use time::Date;

use super::{BestSeller, Product, ProductId, StockedProduct};
use crate::{StorageError, stock::Stock};

/// Finds and keeps products.
#[cfg_attr(test, mockall::automock)]
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

/// Reckons what sells best.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait BestSellersReport: Send + Sync {
    /// The `limit` products of which most units were ordered on `first_day` (UTC) or later, most
    /// first, cancelled orders not counted. Products that sold the same come in id order. A
    /// report that nobody waits for any more MUST NOT go on.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn since(&self, first_day: Date, limit: u16) -> Result<Vec<BestSeller>, StorageError>;
}

/// Keeps the totals that best sellers are read from. What is placed or cancelled is told to them
/// by the placement or the cancellation itself.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SalesTotals: Send + Sync {
    /// Adds to the totals what was told since this was last done, and says how many were told.
    /// Reports count what was told in any case; gathering makes them quick. When somebody else
    /// is at it, nothing is done.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is gathered then, and nothing is lost.
    async fn gather(&self) -> Result<u64, StorageError>;

    /// Reckons the totals anew from the orders, and says where they were wrong, day by day; of
    /// many corrections the first `most`.
    /// Orders MAY be placed and cancelled meanwhile, and MUST be counted once.
    ///
    /// # Errors
    ///
    /// When storage fails: the totals are as they were then.
    async fn rebuild(&self, most: u16) -> Result<SalesRebuild, StorageError>;
}

/// What a rebuild found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesRebuild {
    /// On how many days of products the totals were wrong.
    pub differed: u64,
    /// The first of these days.
    pub first: Vec<SalesCorrection>,
}

/// A day on which another number of units of a product was sold than the totals said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesCorrection {
    /// The product.
    pub product_id: ProductId,
    /// The day on which the orders were placed, in UTC.
    pub day: Date,
    /// The units that the totals had for that day, if they knew of it.
    pub was: Option<i64>,
    /// The units that were sold.
    pub now: i64,
}
