//! `BestSellersReport`, over PostgreSQL.

use domain::{OrderStatus, ports::BestSellersReport};
use integration_tests::World;
use time::Duration;

#[tokio::test]
async fn most_sold_comes_first_and_cancelled_orders_do_not_count() {
    let world = World::new().await;
    let customer = world.customer().await;
    let mut products = Vec::new();
    for _ in 0..4 {
        products.push(world.product(100).await);
    }
    for lines in [
        vec![(products[0], 2), (products[1], 5)],
        vec![(products[0], 2)],
        vec![(products[2], 4)],
    ] {
        world.place(&customer, &lines).await.unwrap();
    }
    let cancelled = world.place(&customer, &[(products[3], 90)]).await.unwrap();
    world
        .orders()
        .change_status(&World::staff(), cancelled.id, OrderStatus::Cancelled)
        .await
        .unwrap();

    let report: &dyn BestSellersReport = &world.database;
    let since = World::now() - Duration::days(30);
    let sold = |list: Vec<domain::BestSeller>| -> Vec<_> {
        list.iter()
            .map(|item| (item.product_id, item.sold))
            .collect()
    };
    // Of two that sold the same, the older product comes first.
    let expected = [(products[1], 5), (products[0], 4), (products[2], 4)];
    assert_eq!(sold(report.since(since, 10).await.unwrap()), expected);
    assert_eq!(sold(report.since(since, 2).await.unwrap()), expected[..2]);
}

#[tokio::test]
async fn what_was_sold_before_the_period_does_not_count() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(9).await);
    world.place(&customer, &[(product, 1)]).await.unwrap();
    let client = world.test.client().await;
    let long_ago = "update orders set data_order = now() - interval '31 days'";
    client.batch_execute(long_ago).await.unwrap();
    let report: &dyn BestSellersReport = &world.database;
    let now = World::now();
    assert!(
        report
            .since(now - Duration::days(30), 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        report
            .since(now - Duration::days(32), 10)
            .await
            .unwrap()
            .len(),
        1
    );
}
