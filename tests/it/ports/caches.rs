//! The cache ports, over Redis and over this process: the same suite for both.

use std::{sync::Arc, time::Duration};

use adapters_redis::{InProcessCache, RedisCache, TimesToLive};
use domain::{
    BestSeller, Customer, CustomerId, Email, Name, Order, OrderId, OrderItem, OrderItemId,
    OrderStatus, Price, ProductId, Quantity, Version,
    ports::{BestSellersCache, BestSellersList, CustomerCache, OrderCache},
};
use integration_tests::{Caches, World};

/// What each backend of the caches offers.
trait Backend: OrderCache + CustomerCache + BestSellersCache {}
impl<T: OrderCache + CustomerCache + BestSellersCache> Backend for T {}

fn in_process(ttl: TimesToLive) -> Arc<dyn Backend> {
    Arc::new(InProcessCache::new(ttl))
}

fn redis(ttl: TimesToLive) -> Arc<dyn Backend> {
    let Caches::Redis(settings) = Caches::redis() else {
        unreachable!("`redis` gives Redis")
    };
    let settings = adapters_redis::RedisSettings { ttl, ..settings };
    Arc::new(RedisCache::new(settings).unwrap())
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
        the_later_list_of_best_sellers_wins,
        an_entry_ends_with_its_time,
    }
}

type Make = fn(TimesToLive) -> Arc<dyn Backend>;

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
        as_of: World::now(),
        items: vec![BestSeller {
            product_id: ProductId::new(World::id()),
            name: Name::parse("Café").unwrap(),
            price: Price::parse("19.90").unwrap(),
            sold,
        }],
    }
}

async fn what_is_put_is_got_and_nothing_else(make: Make) {
    let cache = make(TimesToLive::default());
    let (order, customer, list) = (order(3), customer(), Arc::new(list(7)));
    assert_eq!(OrderCache::get(&*cache, order.id).await, None);
    assert_eq!(CustomerCache::get(&*cache, customer.id).await, None);
    assert_eq!(BestSellersCache::get(&*cache, 30).await, None);

    OrderCache::put(&*cache, Arc::clone(&order)).await;
    CustomerCache::put(&*cache, Arc::clone(&customer)).await;
    BestSellersCache::put(&*cache, 30, Arc::clone(&list)).await;
    assert_eq!(OrderCache::get(&*cache, order.id).await, Some(order));
    assert_eq!(
        CustomerCache::get(&*cache, customer.id).await,
        Some(customer)
    );
    assert_eq!(BestSellersCache::get(&*cache, 30).await, Some(list));

    let other = OrderId::new(World::id());
    assert_eq!(OrderCache::get(&*cache, other).await, None);
    assert_eq!(BestSellersCache::get(&*cache, 7).await, None);
}

async fn the_newer_version_wins_in_whatever_order_they_come(make: Make) {
    let cache = make(TimesToLive::default());
    let order = order(1);
    for (put, kept) in [(2, 2), (1, 2), (2, 2), (10, 10), (9, 10)] {
        OrderCache::put(&*cache, at_version(&order, put)).await;
        let got = OrderCache::get(&*cache, order.id).await.unwrap();
        assert_eq!(got.version.number(), kept, "after version {put}");
    }
}

async fn of_many_versions_at_once_the_newest_stays(make: Make) {
    let cache = make(TimesToLive::default());
    let order = order(1);
    let puts = (1..=40).map(|n| {
        // Neither ascending nor descending: 7 generates every remainder of 41.
        let (cache, order) = (Arc::clone(&cache), at_version(&order, n * 7 % 41));
        tokio::spawn(async move { OrderCache::put(&*cache, order).await })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap();
    }
    let got = OrderCache::get(&*cache, order.id).await.unwrap();
    assert_eq!(got.version.number(), 40);
}

async fn the_later_list_of_best_sellers_wins(make: Make) {
    let cache = make(TimesToLive::default());
    let (earlier, later) = (list(1), list(2));
    let later = BestSellersList {
        as_of: earlier.as_of + Duration::from_micros(1),
        ..later
    };
    BestSellersCache::put(&*cache, 30, Arc::new(later.clone())).await;
    BestSellersCache::put(&*cache, 30, Arc::new(earlier)).await;
    assert_eq!(
        BestSellersCache::get(&*cache, 30).await.as_deref(),
        Some(&later)
    );
}

async fn an_entry_ends_with_its_time(make: Make) {
    let cache = make(TimesToLive {
        orders: Duration::from_millis(300),
        ..TimesToLive::default()
    });
    let (order, customer) = (order(1), customer());
    OrderCache::put(&*cache, Arc::clone(&order)).await;
    CustomerCache::put(&*cache, Arc::clone(&customer)).await;
    integration_tests::eventually("the order's entry ends", || async {
        OrderCache::get(&*cache, order.id).await.is_none()
    })
    .await;
    assert!(CustomerCache::get(&*cache, customer.id).await.is_some());
}
