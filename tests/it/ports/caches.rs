//! The cache ports, over Redis and over this process: the same suite for both.

use std::{sync::Arc, time::Duration};

use adapters_postgres::PgCoordination;
use adapters_redis::{InProcessCache, NearCache, Redis, RedisCache};
use domain::{
    cache::{Cache, Cached, Lease, Versioned},
    catalog::{BestSeller, BestSellersList, ProductId},
    customers::{Customer, CustomerId},
    orders::{Order, OrderId, OrderItem, OrderItemId, OrderStatus},
    values::{Email, Name, Price, Quantity, Version},
};
use http_actix::settings::TimesToLive;
use integration_tests::{Caches, TestDatabase, World};

/// The caches of one backend.
#[derive(Clone)]
struct Backend {
    orders: Arc<dyn Cache<Order>>,
    customers: Arc<dyn Cache<Customer>>,
    lists: Arc<dyn Cache<BestSellersList>>,
    /// By which replicas would agree; it ends with them.
    _database: Option<Arc<TestDatabase>>,
}

async fn in_process(ttl: TimesToLive) -> Backend {
    Backend {
        orders: Arc::new(InProcessCache::new(ttl.orders)),
        customers: Arc::new(InProcessCache::new(ttl.customers)),
        lists: Arc::new(InProcessCache::new(ttl.best_sellers).that_may_lag()),
        _database: None,
    }
}

async fn redis(ttl: TimesToLive) -> Backend {
    let Caches::Redis(settings) = Caches::redis() else {
        unreachable!("`redis` gives Redis")
    };
    let database = TestDatabase::migrated().await;
    let coordination = PgCoordination::new(&database.pool(1));
    let redis = Redis::new(&settings, Arc::new(coordination), ttl.orders).unwrap();
    redis.listen().await.unwrap();
    let heard = redis.clone();
    tokio::spawn(async move {
        while heard.listen().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    });
    let lists = RedisCache::new(redis.clone(), ttl.best_sellers).that_may_lag();
    Backend {
        orders: Arc::new(RedisCache::new(redis.clone(), ttl.orders)),
        customers: Arc::new(RedisCache::new(redis, ttl.customers)),
        lists: Arc::new(NearCache::new(Arc::new(lists), Duration::from_secs(1))),
        _database: Some(Arc::new(database)),
    }
}

/// Runs every test of the suite over one backend.
macro_rules! suite {
    ($backend:ident: $($test:ident),+ $(,)?) => {
        mod $backend {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::$backend).await;
                }
            )+
        }
    };
    ($($backend:ident),+ => $tests:tt) => {
        $( suite! { @each $backend $tests } )+
    };
    (@each $backend:ident { $($test:ident),+ $(,)? }) => {
        suite! { $backend: $($test),+ }
    };
}

suite! {
    in_process, redis => {
        what_is_put_is_got_and_nothing_else,
        the_newer_version_wins_in_whatever_order_they_come,
        of_many_versions_at_once_the_newest_stays,
        what_is_forgotten_is_gone_and_so_is_what_was_before_it,
        a_cache_that_has_lost_what_was_written_is_not_given_what_was_read_before,
        the_later_list_of_best_sellers_wins,
        an_entry_ends_with_its_time,
    }
}

fn order(version: i64) -> Arc<Order> {
    let item = |units| OrderItem {
        id: OrderItemId::new(World::id()),
        product_id: ProductId::new(World::id()),
        quantity: Quantity::parse(units).unwrap(),
        unit_price: Price::parse("9999999999.99").unwrap(),
    };
    Arc::new(Order {
        id: OrderId::new(World::id()),
        customer_id: CustomerId::new(World::id()),
        placed_at: World::now(),
        status: OrderStatus::Paid,
        items: vec![item(1), item(10_000)],
        version: Version::parse(version).unwrap(),
    })
}

fn at_version(order: &Order, version: i64) -> Arc<Order> {
    Arc::new(Order {
        version: Version::parse(version).unwrap(),
        ..order.clone()
    })
}

fn customer() -> Arc<Customer> {
    Arc::new(Customer {
        id: CustomerId::new(World::id()),
        name: Name::parse("João \"Zé\" d'Ávila: 1").unwrap(),
        email: Email::parse("Ze@Example.com").unwrap(),
        created_at: World::now(),
        version: Version::FIRST,
    })
}

fn list(sold: u64) -> BestSellersList {
    BestSellersList {
        days: 30,
        as_of: World::now(),
        items: vec![BestSeller {
            product_id: ProductId::new(World::id()),
            name: Name::parse("Café").unwrap(),
            price: Price::parse("19.90").unwrap(),
            sold,
        }],
    }
}

/// The copy that a cache has, if it has one.
async fn kept<T: Versioned>(cache: &Arc<dyn Cache<T>>, key: T::Key) -> Option<Arc<T>> {
    match cache.get(key).await {
        Cached::Hit(value) => Some(value),
        Cached::Miss(_) => None,
    }
}

/// The lease that a cache gives for what it does not have.
async fn lease<T: Versioned>(cache: &Arc<dyn Cache<T>>, key: T::Key) -> Lease {
    match cache.get(key).await {
        Cached::Hit(_) => panic!("{key} is there"),
        Cached::Miss(lease) => lease,
    }
}

/// Writes a version, as it were.
async fn write<T: Versioned>(cache: &Arc<dyn Cache<T>>, value: Arc<T>) {
    cache.outdate(value.key(), value.version()).await;
    cache.publish(value).await;
}

/// Reads what the cache does not have, as it were.
async fn read<T: Versioned>(cache: &Arc<dyn Cache<T>>, value: &Arc<T>) {
    let lease = lease(cache, value.key()).await;
    cache.put(Arc::clone(value), lease).await;
}

async fn what_is_put_is_got_and_nothing_else(make: impl AsyncFn(TimesToLive) -> Backend) {
    let cache = make(TimesToLive::default()).await;
    let (order, customer, list) = (order(3), customer(), Arc::new(list(7)));
    read(&cache.orders, &order).await;
    read(&cache.customers, &customer).await;
    read(&cache.lists, &list).await;
    assert_eq!(kept(&cache.orders, order.id).await, Some(order));
    assert_eq!(kept(&cache.customers, customer.id).await, Some(customer));
    assert_eq!(kept(&cache.lists, 30).await, Some(list));

    let other = OrderId::new(World::id());
    assert_eq!(kept(&cache.orders, other).await, None);
    assert_eq!(kept(&cache.lists, 7).await, None);
}

async fn the_newer_version_wins_in_whatever_order_they_come(
    make: impl AsyncFn(TimesToLive) -> Backend,
) {
    let cache = make(TimesToLive::default()).await;
    let order = order(1);
    let early = lease(&cache.orders, order.id).await;
    for (written, newest) in [(2, 2), (1, 2), (2, 2), (10, 10), (9, 10)] {
        write(&cache.orders, at_version(&order, written)).await;
        for (read, lease) in [(1, early), (1, Lease::NONE), (written, Lease::NONE)] {
            cache.orders.put(at_version(&order, read), lease).await;
        }
        let got = kept(&cache.orders, order.id).await.unwrap();
        assert_eq!(got.version.number(), newest, "after version {written}");
    }
    cache.orders.put(at_version(&order, 11), Lease::NONE).await;
    let got = kept(&cache.orders, order.id).await.unwrap();
    assert_eq!(got.version.number(), 11, "what is read may be newer");
}

async fn of_many_versions_at_once_the_newest_stays(make: impl AsyncFn(TimesToLive) -> Backend) {
    let cache = make(TimesToLive::default()).await;
    let order = order(1);
    let writes = (1..=40).map(|n| {
        // Neither ascending nor descending: 7 generates every remainder of 41.
        let (cache, order) = (cache.clone(), at_version(&order, n * 7 % 41));
        tokio::spawn(async move { write(&cache.orders, order).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    let got = kept(&cache.orders, order.id).await.unwrap();
    assert_eq!(got.version.number(), 40);
}

async fn what_is_forgotten_is_gone_and_so_is_what_was_before_it(
    make: impl AsyncFn(TimesToLive) -> Backend,
) {
    let Backend { orders, .. } = make(TimesToLive::default()).await;
    let order = order(1);
    let early = lease(&orders, order.id).await;
    orders.put(at_version(&order, 2), early).await;
    orders.forget(order.id, Version::parse(3).unwrap()).await;
    assert_eq!(kept(&orders, order.id).await, None);
    orders.put(at_version(&order, 2), early).await;
    assert_eq!(kept(&orders, order.id).await, None, "it is older");
    let written = at_version(&order, 3);
    read(&orders, &written).await;
    assert_eq!(kept(&orders, order.id).await, Some(written));
}

async fn a_cache_that_has_lost_what_was_written_is_not_given_what_was_read_before(
    make: impl AsyncFn(TimesToLive) -> Backend,
) {
    let cache = make(TimesToLive {
        orders: Duration::from_millis(300),
        ..TimesToLive::default()
    })
    .await;
    let order = order(1);
    let early = lease(&cache.orders, order.id).await;
    let also = lease(&cache.orders, order.id).await;
    assert_eq!(early, also, "whoever comes before it is used shares it");
    write(&cache.orders, at_version(&order, 2)).await;
    integration_tests::eventually("it is lost", || async {
        kept(&cache.orders, order.id).await.is_none()
    })
    .await;
    cache.orders.put(Arc::clone(&order), early).await;
    cache.orders.put(Arc::clone(&order), Lease::NONE).await;
    assert_eq!(kept(&cache.orders, order.id).await, None);
    // Who wrote long ago says so only now.
    cache.orders.publish(Arc::clone(&order)).await;
    assert_eq!(kept(&cache.orders, order.id).await, None);
    let now = at_version(&order, 2);
    read(&cache.orders, &now).await;
    assert_eq!(kept(&cache.orders, order.id).await, Some(now));
}

async fn the_later_list_of_best_sellers_wins(make: impl AsyncFn(TimesToLive) -> Backend) {
    let cache = make(TimesToLive::default()).await;
    let (earlier, later) = (list(1), list(2));
    let later = BestSellersList {
        as_of: earlier.as_of + Duration::from_micros(1),
        ..later
    };
    read(&cache.lists, &Arc::new(later.clone())).await;
    cache.lists.put(Arc::new(earlier), Lease::NONE).await;
    assert_eq!(kept(&cache.lists, 30).await.as_deref(), Some(&later));
}

async fn an_entry_ends_with_its_time(make: impl AsyncFn(TimesToLive) -> Backend) {
    let cache = make(TimesToLive {
        orders: Duration::from_millis(300),
        ..TimesToLive::default()
    })
    .await;
    let (order, customer) = (order(1), customer());
    read(&cache.orders, &order).await;
    read(&cache.customers, &customer).await;
    integration_tests::eventually("the order's entry ends", || async {
        kept(&cache.orders, order.id).await.is_none()
    })
    .await;
    assert!(kept(&cache.customers, customer.id).await.is_some());
}
