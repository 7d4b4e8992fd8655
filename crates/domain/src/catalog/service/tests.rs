//! The catalogue against mocked ports.

use futures_util::FutureExt as _;

use super::*;
use crate::{
    cache::{Cached, Lease, MockCache},
    catalog::{MockBestSellersReport, MockImportStore, MockProductRepository, Period},
    fixtures::{
        best_seller, caller, clock, ids, name, now, own_caller, price, product_id, storage_is_down,
    },
    identity::Principal,
};

fn service(
    products: MockProductRepository,
    report: impl BestSellersReport + 'static,
    cache: MockCache<BestSellersList>,
) -> CatalogService {
    CatalogService::new(
        Arc::new(products),
        Arc::new(MockImportStore::new()),
        Arc::new(report),
        Arc::new(cache),
        clock(),
        ids(),
        Duration::MINUTE,
    )
}

fn query(limit: i64, days: i64) -> BestSellersQuery {
    BestSellersQuery {
        limit: Limit::parse(limit).unwrap(),
        period: Period::parse(days).unwrap(),
    }
}

fn of_best_sellers(
    report: impl BestSellersReport + 'static,
    cache: MockCache<BestSellersList>,
) -> CatalogService {
    service(MockProductRepository::new(), report, cache)
}

#[tokio::test]
async fn a_product_comes_with_its_stock() {
    let mut products = MockProductRepository::new();
    products
        .expect_insert()
        .withf(|product, stock, _, _| {
            let opening = stock.opening.as_ref().map(|opening| opening.delta);
            stock.stock.product_id == product.id
                && (stock.stock.available.units(), opening) == (5, Some(5))
        })
        .times(1)
        .returning(|_, _, _, _| Ok(()));
    let service = service(products, MockBestSellersReport::new(), MockCache::new());
    let made = service
        .create(
            &caller(Principal::Staff),
            NewProduct {
                name: name("Café"),
                description: None,
                price: price("19.90"),
                sku: None,
                available: StockLevel::parse(5).unwrap(),
            },
            None,
        )
        .await
        .unwrap();
    assert_eq!(made.entity.available.units(), 5);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let mut products = MockProductRepository::new();
    products.expect_find().returning(|_| Ok(None));
    let service = service(products, MockBestSellersReport::new(), MockCache::new());
    let id = product_id(1);
    let got = service.get(None, id).await;
    assert!(matches!(got, Err(CatalogError::NotFound)));
}

#[tokio::test]
async fn best_sellers_are_calculated_once_over_the_requested_days_and_cached() {
    let mut cache = MockCache::new();
    cache.expect_get().returning(|_| Cached::Miss(Lease::NONE));
    cache
        .expect_put()
        .withf(|list: &Arc<BestSellersList>, _| {
            list.days == 30 && list.as_of == now() && list.items.len() == 3
        })
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
        .best_sellers(None, query(2, 30))
        .await
        .unwrap();
    assert_eq!(top, [best_seller(1), best_seller(2)]);
}

#[tokio::test]
async fn cached_best_sellers_are_not_calculated_again() {
    let mut cache = MockCache::new();
    cache.expect_get().returning(|_| {
        Cached::Hit(Arc::new(BestSellersList {
            days: 30,
            as_of: now(),
            items: vec![best_seller(1)],
        }))
    });
    let top = of_best_sellers(MockBestSellersReport::new(), cache)
        .best_sellers(None, query(10, 30))
        .await
        .unwrap();
    assert_eq!(top, [best_seller(1)]);
}

#[tokio::test]
async fn a_failed_report_is_returned_and_not_cached() {
    let mut cache = MockCache::new();
    cache.expect_get().returning(|_| Cached::Miss(Lease::NONE));
    let mut report = MockBestSellersReport::new();
    report
        .expect_since()
        .returning(|_, _| Err(storage_is_down()));
    let failed = of_best_sellers(report, cache)
        .best_sellers(None, query(10, 30))
        .await;
    assert!(matches!(failed, Err(CatalogError::Storage(_))));
}

/// A list of 30 days that is this old.
fn last_list(age: Duration) -> Arc<BestSellersList> {
    Arc::new(BestSellersList {
        days: 30,
        as_of: now() - age,
        items: vec![best_seller(1)],
    })
}

#[tokio::test]
async fn while_a_list_is_recalculated_other_callers_get_the_previous_one() {
    let mut cache = MockCache::new();
    cache
        .expect_get()
        .returning(|_| Cached::Hit(last_list(Duration::MINUTE)));
    cache.expect_put().times(1).return_const(());
    let (answer, answered) = tokio::sync::oneshot::channel();
    let answered = std::sync::Mutex::new(Some(answered));
    let report = HeldReport(answered);
    let service = of_best_sellers(report, cache);
    let query = query(10, 30);
    let mut makes = Box::pin(service.best_sellers(None, query));
    assert!(makes.as_mut().now_or_never().is_none());
    let meanwhile = service.best_sellers(None, query).now_or_never().unwrap();
    assert_eq!(meanwhile.unwrap(), [best_seller(1)]);
    answer.send(vec![best_seller(2)]).unwrap();
    assert_eq!(makes.await.unwrap(), [best_seller(2)]);
}

/// A report that ends when the test lets it.
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
async fn when_no_list_can_be_calculated_the_previous_one_is_returned() {
    let mut cache = MockCache::new();
    cache
        .expect_get()
        .returning(|_| Cached::Hit(last_list(Duration::HOUR)));
    let mut report = MockBestSellersReport::new();
    report
        .expect_since()
        .returning(|_, _| Err(storage_is_down()));
    let top = of_best_sellers(report, cache)
        .best_sellers(None, query(10, 30))
        .await;
    assert_eq!(top.unwrap(), [best_seller(1)]);
}

#[tokio::test]
async fn one_report_runs_at_a_time_a_few_wait_and_the_rest_are_refused() {
    let mut cache = MockCache::new();
    cache.expect_get().returning(|_| Cached::Miss(Lease::NONE));
    let report = HeldReport(std::sync::Mutex::new(None));
    let service = of_best_sellers(report, cache);
    let ask = |days| Box::pin(service.best_sellers(None, query(1, days)));
    let mut waiting: Vec<_> = (1..=9).map(ask).collect();
    for asked in &mut waiting {
        assert!(asked.as_mut().now_or_never().is_none());
    }
    assert!(matches!(ask(10).await, Err(CatalogError::Busy)));
    // A caller that asks for a list in progress waits for that one.
    assert!(ask(1).now_or_never().is_none());
}

#[tokio::test]
async fn a_customer_adds_no_product() {
    let mut products = MockProductRepository::new();
    products.expect_insert().never();
    let service = service(products, MockBestSellersReport::new(), MockCache::new());
    let new = NewProduct {
        name: name("Café"),
        description: None,
        price: price("19.90"),
        sku: None,
        available: StockLevel::EMPTY,
    };
    let refused = service.create(&own_caller(1), new, None).await;
    assert!(matches!(refused, Err(CatalogError::Forbidden(_))));
}
