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
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::{
        fixtures::{best_seller, clock, ids, name, now, price, product_id, storage_is_down},
        ports::{
            MockBestSellersCache, MockBestSellersReport, MockProductRepository, MockStockRepository,
        },
    };

    fn service(
        products: MockProductRepository,
        stock: MockStockRepository,
        report: MockBestSellersReport,
        cache: MockBestSellersCache,
    ) -> ProductService {
        ProductService::new(
            Arc::new(products),
            Arc::new(stock),
            Arc::new(report),
            Arc::new(cache),
            clock(),
            ids(),
            Duration::MINUTE,
        )
    }

    fn of_best_sellers(
        report: MockBestSellersReport,
        cache: MockBestSellersCache,
    ) -> ProductService {
        service(
            MockProductRepository::new(),
            MockStockRepository::new(),
            report,
            cache,
        )
    }

    #[tokio::test]
    async fn a_product_comes_with_its_stock() {
        let mut products = MockProductRepository::new();
        products
            .expect_insert()
            .withf(|product, stock| stock.product_id == product.id && stock.available.units() == 5)
            .times(1)
            .returning(|_, _| Ok(()));
        let service = service(
            products,
            MockStockRepository::new(),
            MockBestSellersReport::new(),
            MockBestSellersCache::new(),
        );
        let made = service
            .create(NewProduct {
                name: name("Café"),
                description: None,
                price: price("19.90"),
                available: StockLevel::parse(5).unwrap(),
            })
            .await
            .unwrap();
        assert_eq!(made.available.units(), 5);
    }

    #[tokio::test]
    async fn what_does_not_exist_is_not_found() {
        let mut products = MockProductRepository::new();
        products.expect_find().returning(|_| Ok(None));
        let mut stock = MockStockRepository::new();
        stock.expect_find().returning(|_| Ok(None));
        stock.expect_set().returning(|_, _| Ok(None));
        let service = service(
            products,
            stock,
            MockBestSellersReport::new(),
            MockBestSellersCache::new(),
        );
        let id = product_id(1);
        assert!(matches!(service.get(id).await, Err(ProductError::NotFound)));
        assert!(matches!(
            service.stock(id).await,
            Err(ProductError::NotFound)
        ));
        let set = service.set_stock(id, StockLevel::EMPTY).await;
        assert!(matches!(set, Err(ProductError::NotFound)));
    }

    #[tokio::test]
    async fn best_sellers_are_reckoned_once_over_the_days_asked_for_and_kept() {
        let mut cache = MockBestSellersCache::new();
        cache.expect_get().returning(|_| None);
        cache
            .expect_put()
            .withf(|days, list| *days == 30 && list.as_of == now() && list.items.len() == 3)
            .times(1)
            .return_const(());
        let mut report = MockBestSellersReport::new();
        report
            .expect_since()
            .withf(|first_day, limit| {
                *first_day == (now() - Duration::days(30)).date() && *limit == 100
            })
            .times(1)
            .returning(|_, _| Ok((1..=3).map(best_seller).collect()));
        let top = of_best_sellers(report, cache)
            .best_sellers(BestSellersQuery::new(2, 30).unwrap())
            .await
            .unwrap();
        assert_eq!(top, [best_seller(1), best_seller(2)]);
    }

    #[tokio::test]
    async fn kept_best_sellers_are_not_reckoned_again() {
        let mut cache = MockBestSellersCache::new();
        cache.expect_get().returning(|_| {
            Some(Arc::new(BestSellersList {
                as_of: now(),
                items: vec![best_seller(1)],
            }))
        });
        let top = of_best_sellers(MockBestSellersReport::new(), cache)
            .best_sellers(BestSellersQuery::new(10, 30).unwrap())
            .await
            .unwrap();
        assert_eq!(top, [best_seller(1)]);
    }

    #[tokio::test]
    async fn a_failed_report_is_told_and_not_kept() {
        let mut cache = MockBestSellersCache::new();
        cache.expect_get().returning(|_| None);
        let mut report = MockBestSellersReport::new();
        report
            .expect_since()
            .returning(|_, _| Err(storage_is_down()));
        let failed = of_best_sellers(report, cache)
            .best_sellers(BestSellersQuery::new(10, 30).unwrap())
            .await;
        assert!(matches!(failed, Err(ProductError::Storage(_))));
    }

    /// The list of 30 days as it was so long ago.
    fn last_list(age: Duration) -> Arc<BestSellersList> {
        Arc::new(BestSellersList {
            as_of: now() - age,
            items: vec![best_seller(1)],
        })
    }

    #[tokio::test]
    async fn while_a_list_is_made_anew_the_others_are_answered_with_the_last_one() {
        let mut cache = MockBestSellersCache::new();
        cache
            .expect_get()
            .returning(|_| Some(last_list(Duration::MINUTE)));
        cache.expect_put().times(1).return_const(());
        let (answer, answered) = tokio::sync::oneshot::channel();
        let answered = std::sync::Mutex::new(Some(answered));
        let report = HeldReport(answered);
        let service = ProductService::new(
            Arc::new(MockProductRepository::new()),
            Arc::new(MockStockRepository::new()),
            Arc::new(report),
            Arc::new(cache),
            clock(),
            ids(),
            Duration::MINUTE,
        );
        let query = BestSellersQuery::new(10, 30).unwrap();
        let mut makes = Box::pin(service.best_sellers(query));
        assert!(makes.as_mut().now_or_never().is_none());
        let meanwhile = service.best_sellers(query).now_or_never().unwrap();
        assert_eq!(meanwhile.unwrap(), [best_seller(1)]);
        answer.send(vec![best_seller(2)]).unwrap();
        assert_eq!(makes.await.unwrap(), [best_seller(2)]);
    }

    /// A report that is made when the test says so.
    struct HeldReport(std::sync::Mutex<Option<tokio::sync::oneshot::Receiver<Vec<BestSeller>>>>);

    #[async_trait::async_trait]
    impl BestSellersReport for HeldReport {
        async fn since(&self, _: time::Date, _: u16) -> Result<Vec<BestSeller>, StorageError> {
            let answered = self.0.lock().unwrap().take();
            match answered {
                Some(answered) => Ok(answered.await.unwrap()),
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn when_no_list_can_be_made_the_last_one_will_do() {
        let mut cache = MockBestSellersCache::new();
        cache
            .expect_get()
            .returning(|_| Some(last_list(Duration::HOUR)));
        let mut report = MockBestSellersReport::new();
        report
            .expect_since()
            .returning(|_, _| Err(storage_is_down()));
        let top = of_best_sellers(report, cache)
            .best_sellers(BestSellersQuery::new(10, 30).unwrap())
            .await;
        assert_eq!(top.unwrap(), [best_seller(1)]);
    }

    #[tokio::test]
    async fn one_report_is_made_at_a_time_a_few_wait_and_the_rest_are_turned_away() {
        let mut cache = MockBestSellersCache::new();
        cache.expect_get().returning(|_| None);
        let report = HeldReport(std::sync::Mutex::new(None));
        let service = ProductService::new(
            Arc::new(MockProductRepository::new()),
            Arc::new(MockStockRepository::new()),
            Arc::new(report),
            Arc::new(cache),
            clock(),
            ids(),
            Duration::MINUTE,
        );
        let ask = |days| Box::pin(service.best_sellers(BestSellersQuery::new(1, days).unwrap()));
        let mut waiting: Vec<_> = (1..=9).map(ask).collect();
        for asked in &mut waiting {
            assert!(asked.as_mut().now_or_never().is_none());
        }
        assert!(matches!(ask(10).await, Err(ProductError::Busy)));
        // Who asks for a list that is being made waits for that one.
        assert!(ask(1).now_or_never().is_none());
    }
}
