//! The ports of the catalogue.

#![cfg_attr(
    test,
    expect(clippy::ref_option_ref, reason = "mocks refer to their arguments")
)]

use async_trait::async_trait;
use thiserror::Error;
use time::{Date, OffsetDateTime};

use super::{BestSeller, Product, ProductId, ProductSort, ProductsFilter, StockedProduct};
use crate::{
    StorageError,
    bulk::Export,
    idempotency::{Creation, CreationKey},
    identity::Actor,
    stock::NewStock,
    unit_of_work::Opened,
    values::{Freshness, Page, PageRequest, Sort},
};

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

    /// A page of the products that the filter describes, without those that are retired.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn page(
        &self,
        filter: &ProductsFilter,
        sort: Sort<ProductSort>,
        page: &PageRequest,
    ) -> Result<Page<StockedProduct>, StorageError>;

    /// The products that the filter describes, without those that are retired, as of one moment, in the
    /// sequence of their ids.
    fn export(&self, filter: ProductsFilter, freshness: Freshness) -> Export<StockedProduct>;

    /// Inserts a new product, its stock, and the key under which it was asked for: all of it or
    /// nothing.
    ///
    /// # Errors
    ///
    /// `KeyTaken` when the account has used that key for a product before; `SkuTaken` when a product
    /// that is sold has that number already. Both MUST also hold when two are inserted at once.
    /// `Storage` when storage fails.
    async fn insert<'a>(
        &self,
        product: &Product,
        stock: &NewStock,
        key: Option<&'a CreationKey>,
        by: &Actor,
    ) -> Result<(), InsertProductError>;

    /// The product that was inserted under this key, by whichever request.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn inserted_under(&self, key: &CreationKey) -> Result<Option<Creation>, StorageError>;

    /// Begins a transaction and locks the product with this id. `None` when there is none: nothing
    /// is locked. Orders MAY be placed meanwhile.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is locked.
    async fn open(
        &self,
        id: ProductId,
    ) -> Result<Option<Opened<StockedProduct, ProductChange>>, StorageError>;
}

/// What storage has to write of a product: all of it, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductChange {
    /// The product as it is now.
    pub product: Product,
    /// Who changed it.
    pub by: Actor,
    /// When, in UTC.
    pub at: OffsetDateTime,
}

/// Why a product was not inserted.
#[derive(Debug, Error)]
pub enum InsertProductError {
    /// The key stands for another product.
    #[error("the key is taken")]
    KeyTaken,
    /// Another product that is sold has this number.
    #[error("the number is taken")]
    SkuTaken,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Calculates the best sellers.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait BestSellersReport: Send + Sync {
    /// The `limit` products with the most units ordered on `first_day` (UTC) or later, most first,
    /// without cancelled orders and without products that are retired. Products with equal sales are
    /// in id order. When the caller stops waiting, the report MUST stop.
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
