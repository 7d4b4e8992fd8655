//! The catalogue: products, their stock, and what sells best.

use std::sync::Arc;

use thiserror::Error;
use time::Duration;

use super::{
    single_flight::{Found, SingleFlight},
    turns::Turns,
};
use crate::{
    BestSeller, BestSellersQuery, Description, Name, Price, Product, ProductId, Stock, StockId,
    StockLevel, StockedProduct, StorageError,
    ports::{
        BestSellersCache, BestSellersList, BestSellersReport, Clock, IdSource, ProductRepository,
        StockRepository,
    },
};

/// What is sold.
pub struct ProductService {
    products: Arc<dyn ProductRepository>,
    stock: Arc<dyn StockRepository>,
    report: Arc<dyn BestSellersReport>,
    cache: Arc<dyn BestSellersCache>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    loads: SingleFlight<u16, BestSellersList, ProductError>,
    reports: Turns,
    /// How long a list of best sellers is taken for new.
    fresh_for: Duration,
}

/// The most lists of best sellers that wait to be made: each takes a moment of the database.
const MAX_WAITING_REPORTS: usize = 8;

/// What somebody says who adds a product to the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// What it is called.
    pub name: Name,
    /// What it is.
    pub description: Option<Description>,
    /// What one unit costs.
    pub price: Price,
    /// The units that can be ordered.
    pub available: StockLevel,
}

/// Why a product was not added or not shown.
#[derive(Debug, Clone, Error)]
pub enum ProductError {
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// Too many lists of best sellers are being made: this one was not begun. A later try may
    /// succeed.
    #[error("too many reports are being made")]
    Busy,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ProductService {
    /// Joins the ports. A list of best sellers that is older than `fresh_for` is made anew.
    #[must_use]
    pub fn new(
        products: Arc<dyn ProductRepository>,
        stock: Arc<dyn StockRepository>,
        report: Arc<dyn BestSellersReport>,
        cache: Arc<dyn BestSellersCache>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        fresh_for: Duration,
    ) -> Self {
        Self {
            products,
            stock,
            report,
            cache,
            clock,
            ids,
            loads: SingleFlight::new(),
            reports: Turns::new(1, MAX_WAITING_REPORTS),
            fresh_for,
        }
    }

    /// Adds a product to the catalogue, together with its stock.
    ///
    /// # Errors
    ///
    /// What storage fails with.
    pub async fn create(&self, new: NewProduct) -> Result<StockedProduct, ProductError> {
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

    /// The product with this id and the units that can be ordered now.
    ///
    /// # Errors
    ///
    /// `NotFound`, or what storage fails with.
    pub async fn get(&self, id: ProductId) -> Result<StockedProduct, ProductError> {
        let found = self.products.find(id).await?;
        found.ok_or(ProductError::NotFound)
    }

    /// The stock of this product.
    ///
    /// # Errors
    ///
    /// `NotFound`, or what storage fails with.
    pub async fn stock(&self, id: ProductId) -> Result<Stock, ProductError> {
        self.stock.find(id).await?.ok_or(ProductError::NotFound)
    }

    /// Sets the units of this product that can be ordered.
    ///
    /// # Errors
    ///
    /// `NotFound`, or what storage fails with.
    pub async fn set_stock(
        &self,
        id: ProductId,
        available: StockLevel,
    ) -> Result<Stock, ProductError> {
        let set = self.stock.set(id, available).await?;
        set.ok_or(ProductError::NotFound)
    }

    /// What sold best lately. While a list is made anew, everybody but who asked for that is
    /// answered with the last one.
    ///
    /// # Errors
    ///
    /// `Busy`, or what storage fails with; neither as long as there is a last list.
    pub async fn best_sellers(
        &self,
        query: BestSellersQuery,
    ) -> Result<Vec<BestSeller>, ProductError> {
        let days = query.days();
        let list = match self.cache.get(days).await {
            Some(last) if self.is_fresh(&last) || self.loads.is_going_on(days) => Some(last),
            Some(last) => self.load_best_sellers(days).await.unwrap_or(Some(last)),
            None => self.load_best_sellers(days).await?,
        };
        let items = list.iter().flat_map(|list| &list.items);
        Ok(items.take(query.limit().into()).cloned().collect())
    }

    fn is_fresh(&self, list: &BestSellersList) -> bool {
        self.clock.now() - list.as_of < self.fresh_for
    }

    /// Reckons the longest list of a period: every shorter one is its beginning.
    async fn load_best_sellers(&self, days: u16) -> Found<BestSellersList, ProductError> {
        let (report, cache) = (Arc::clone(&self.report), Arc::clone(&self.cache));
        let (clock, reports) = (Arc::clone(&self.clock), self.reports.clone());
        let load = async move {
            let _turn = reports.take().await.map_err(|_| ProductError::Busy)?;
            let as_of = clock.now();
            let first_day = (as_of - Duration::days(days.into())).date();
            let items = report.since(first_day, BestSellersQuery::MAX_LIMIT).await?;
            let list = Arc::new(BestSellersList { as_of, items });
            cache.put(days, Arc::clone(&list)).await;
            Ok(Some(list))
        };
        self.loads.join_any(days, load).await
    }
}

#[cfg(test)]
mod tests;
