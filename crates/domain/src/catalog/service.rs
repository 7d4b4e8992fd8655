//! The use cases of the catalogue.

use std::sync::Arc;

use thiserror::Error;
use time::Duration;

use super::{
    BestSeller, BestSellersList, BestSellersQuery, BestSellersReport, Product, ProductId,
    ProductRepository, StockedProduct,
};
use crate::{
    Clock, IdSource, StorageError,
    cache::{Cache, ReadThrough},
    concurrency::bulkhead::Bulkhead,
    identity::{Caller, Forbidden, Permission},
    stock::{Stock, StockId, StockLevel},
    values::{Description, Limit, Name, Price},
};

/// Adds products, finds them, and lists the best sellers.
pub struct CatalogService {
    products: Arc<dyn ProductRepository>,
    report: Arc<dyn BestSellersReport>,
    lists: ReadThrough<BestSellersList, CatalogError>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    reports: Bulkhead,
    /// How long a list of best sellers counts as fresh.
    fresh_for: Duration,
}

/// The most reports that wait for the one in progress: each takes a moment of the database.
const MAX_WAITING_REPORTS: usize = 8;

/// The product that a caller wants to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// The product's name.
    pub name: Name,
    /// The description, if there is one.
    pub description: Option<Description>,
    /// The price of one unit.
    pub price: Price,
    /// The units that can be ordered.
    pub available: StockLevel,
}

/// Why a product was not added or not found, or best sellers were not listed.
#[derive(Debug, Clone, Error)]
pub enum CatalogError {
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// Too many reports wait already: this one was not started. A later attempt may succeed.
    #[error("too many reports are being made")]
    Busy,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl CatalogService {
    /// Lists of best sellers are read through `cache`, and recalculated when they are older than
    /// `fresh_for`.
    #[must_use]
    pub fn new(
        products: Arc<dyn ProductRepository>,
        report: Arc<dyn BestSellersReport>,
        cache: Arc<dyn Cache<BestSellersList>>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        fresh_for: Duration,
    ) -> Self {
        Self {
            products,
            report,
            lists: ReadThrough::new(cache),
            clock,
            ids,
            reports: Bulkhead::new(1, MAX_WAITING_REPORTS),
            fresh_for,
        }
    }

    /// Adds a product to the catalogue, together with its stock.
    ///
    /// # Errors
    ///
    /// `Forbidden`, or `Storage`.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewProduct,
    ) -> Result<StockedProduct, CatalogError> {
        caller.must_have(Permission::ProductsWrite)?;
        let product = Product {
            id: ProductId::new(self.ids.next_id()),
            name: new.name,
            description: new.description,
            price: new.price,
            created_at: self.clock.now(),
        };
        let stock = Stock {
            id: StockId::new(self.ids.next_id()),
            product_id: product.id,
            available: new.available,
        };
        self.products.insert(&product, &stock).await?;
        Ok(StockedProduct {
            product,
            available: stock.available,
        })
    }

    /// The product with this id and its current stock level.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn get(
        &self,
        caller: Option<&Caller>,
        id: ProductId,
    ) -> Result<StockedProduct, CatalogError> {
        may_read(caller)?;
        let found = self.products.find(id).await?;
        found.ok_or(CatalogError::NotFound)
    }

    /// The best sellers of the period. While a list is recalculated, other callers get the previous
    /// one.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `Busy`, or `Storage`; the last two only when there is no previous list.
    pub async fn best_sellers(
        &self,
        caller: Option<&Caller>,
        query: BestSellersQuery,
    ) -> Result<Vec<BestSeller>, CatalogError> {
        may_read(caller)?;
        let (clock, days) = (&self.clock, query.period.days());
        let is_fresh = |list: &BestSellersList| clock.now() - list.as_of < self.fresh_for;
        let list = self
            .lists
            .get_fresh(days, is_fresh, || self.calculate(days))
            .await?;
        let items = list.iter().flat_map(|list| &list.items);
        Ok(items.take(query.limit.entries().into()).cloned().collect())
    }

    /// Calculates the longest list of a period; every shorter one is its beginning.
    fn calculate(
        &self,
        days: u16,
    ) -> impl Future<Output = Result<Option<BestSellersList>, CatalogError>> + Send + 'static {
        let report = Arc::clone(&self.report);
        let (clock, reports) = (Arc::clone(&self.clock), self.reports.clone());
        async move {
            let _permit = reports.acquire().await.map_err(|_| CatalogError::Busy)?;
            let as_of = clock.now();
            let first_day = (as_of - Duration::days(days.into())).date();
            let items = report.since(first_day, Limit::MAX.entries()).await?;
            Ok(Some(BestSellersList { days, as_of, items }))
        }
    }
}

/// The catalogue is public, except to callers whose permissions exclude it.
fn may_read(caller: Option<&Caller>) -> Result<(), Forbidden> {
    caller.map_or(Ok(()), |caller| caller.must_have(Permission::ProductsRead))
}

#[cfg(test)]
mod tests;
