//! `BestSellersReport` and `SalesTotals`, over PostgreSQL.

use std::{collections::HashMap, sync::Arc};

use domain::{
    catalog::{BestSeller, BestSellersReport, ProductId, SalesCorrection, SalesTotals},
    customers::CustomerId,
    orders::{OrderStatus, placement::Outcome},
    values::Expected,
};
use futures_util::future::join_all;
use integration_tests::World;
use time::{Date, Duration};

fn sold(list: &[BestSeller]) -> Vec<(ProductId, u64)> {
    list.iter()
        .map(|item| (item.product_id, item.sold))
        .collect()
}

async fn sold_since(world: &World, first_day: Date) -> Vec<(ProductId, u64)> {
    let report: &dyn BestSellersReport = &world.catalog;
    sold(&report.since(first_day, 100).await.unwrap())
}

/// Reckons everything anew, and returns what differed.
async fn rebuild(world: &World) -> Vec<SalesCorrection> {
    let rebuilt = world.catalog.rebuild(100).await.unwrap();
    assert_eq!(
        rebuilt.differed,
        u64::try_from(rebuilt.first.len()).unwrap()
    );
    rebuilt.first
}

fn today() -> Date {
    World::now().date()
}

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
        .order_service()
        .transition(
            &World::staff(),
            cancelled.id,
            OrderStatus::Cancelled.into(),
            &Expected::Any,
        )
        .await
        .unwrap();

    // Of two that sold the same, the older product comes first.
    let expected = [(products[1], 5), (products[0], 4), (products[2], 4)];
    let report: &dyn BestSellersReport = &world.catalog;
    let since = today() - Duration::days(30);
    // Told to the log alone, and then gathered.
    for _ in 0..2 {
        assert_eq!(sold(&report.since(since, 10).await.unwrap()), expected);
        assert_eq!(sold(&report.since(since, 2).await.unwrap()), expected[..2]);
        world.catalog.gather().await.unwrap();
    }
    assert_eq!(world.count("select count(*) from sales_log").await, 0);
}

#[tokio::test]
async fn what_was_sold_before_the_period_does_not_count() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(9).await);
    world.place(&customer, &[(product, 1)]).await.unwrap();
    let client = world.test.client().await;
    let long_ago = "update orders set data_order = now() - interval '31 days'";
    client.batch_execute(long_ago).await.unwrap();
    rebuild(&world).await;
    assert!(
        sold_since(&world, today() - Duration::days(30))
            .await
            .is_empty()
    );
    assert_eq!(
        sold_since(&world, today() - Duration::days(32)).await.len(),
        1
    );
}

/// An order of one unit on a day so long ago, past the product and told to nobody.
async fn sold_long_ago(world: &World, customer: CustomerId, product: ProductId, days: i64) {
    let client = world.test.client().await;
    let insert = format!(
        "with placed as (
             insert into orders (id, customer_id, data_order, status)
             values (gen_random_uuid(), '{customer}', now() - interval '{days} days', 'delivered')
             returning id
         )
         insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
         select gen_random_uuid(), id, '{product}', 1, 1 from placed"
    );
    client.batch_execute(&insert).await.unwrap();
}

#[tokio::test]
async fn a_cancellation_is_taken_back_on_the_day_on_which_the_order_was_placed() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(99).await);
    let old = world.place(&customer, &[(product, 5)]).await.unwrap();
    let client = world.test.client().await;
    let ten_days = "update orders set data_order = data_order - interval '10 days'";
    client.batch_execute(ten_days).await.unwrap();
    for days in [3, 1] {
        sold_long_ago(&world, customer.id, product, days).await;
    }
    rebuild(&world).await;
    world.place(&customer, &[(product, 2)]).await.unwrap();
    world
        .order_service()
        .transition(
            &World::staff(),
            old.id,
            OrderStatus::Cancelled.into(),
            &Expected::Any,
        )
        .await
        .unwrap();
    for gathered in [false, true] {
        if gathered {
            assert_eq!(world.catalog.gather().await.unwrap(), 2);
        }
        for (days, expected) in [(20, 4), (9, 4), (3, 4), (2, 3), (0, 2)] {
            let since = today() - Duration::days(days);
            let sold = sold_since(&world, since).await;
            assert_eq!(sold, [(product, expected)], "{days} days, {gathered}");
        }
    }
    // The totals are what they would be if they were reckoned anew.
    assert_eq!(rebuild(&world).await, []);
}

#[tokio::test]
async fn a_rebuild_says_what_differed_and_mends_it() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(99).await);
    world.place(&customer, &[(product, 2)]).await.unwrap();
    world.catalog.gather().await.unwrap();
    assert_eq!(rebuild(&world).await, []);
    // One order that was never told, and a day that says too much.
    sold_long_ago(&world, customer.id, product, 5).await;
    let client = world.test.client().await;
    let too_much = "update sales_to_date set quantidade_vendida = quantidade_vendida + 7";
    client.batch_execute(too_much).await.unwrap();
    let differed = rebuild(&world).await;
    let differed: Vec<_> = differed
        .iter()
        .map(|c| (c.product_id, today() - c.day, c.was, c.now))
        .collect();
    assert_eq!(
        differed,
        [
            (product, Duration::days(5), None, 1),
            (product, Duration::days(4), None, 0),
            (product, Duration::days(3), None, 0),
            (product, Duration::days(2), None, 0),
            (product, Duration::days(1), None, 0),
            (product, Duration::ZERO, Some(9), 2),
        ]
    );
    assert_eq!(rebuild(&world).await, []);
    assert_eq!(sold_since(&world, today()).await, [(product, 2)]);
}

#[tokio::test]
async fn orders_that_come_and_go_while_sales_are_gathered_and_rebuilt_are_counted_once() {
    let world = World::ready_to_race().await;
    let customer = world.customer().await;
    let mut products = Vec::new();
    for _ in 0..3 {
        products.push(world.product(100_000).await);
    }
    let (desk, orders) = (world.racing_desk(), Arc::new(world.order_service()));
    let buyers = (0..12_usize).map(|buyer| {
        let requests: Vec<_> = (0..20)
            .map(|n| {
                let lines = [(products[(buyer + n) % 3], 1), (products[n % 3], 2)];
                world.request(&customer, &lines)
            })
            .collect();
        let (desk, orders) = (desk.clone(), Arc::clone(&orders));
        tokio::spawn(async move {
            for (n, request) in requests.into_iter().enumerate() {
                let (Outcome::Placed(order) | Outcome::Replayed(order)) =
                    desk.place(request).await.unwrap();
                if n % 3 == 0 {
                    let cancelled = OrderStatus::Cancelled;
                    orders
                        .transition(&World::staff(), order.id, cancelled.into(), &Expected::Any)
                        .await
                        .unwrap();
                }
            }
        })
    });
    let buyers: Vec<_> = buyers.collect();
    let mut rounds = 0;
    while !buyers.iter().all(tokio::task::JoinHandle::is_finished) {
        world.catalog.gather().await.unwrap();
        assert_eq!(rebuild(&world).await, [], "round {rounds}");
        rounds += 1;
    }
    join_all(buyers).await.into_iter().for_each(Result::unwrap);
    let mut expected = HashMap::new();
    for product in products {
        let stock = world.available(product).await;
        expected.insert(product, u64::try_from(100_000 - stock).unwrap());
    }
    let found: HashMap<_, _> = sold_since(&world, today()).await.into_iter().collect();
    assert_eq!(found, expected);
    world.catalog.gather().await.unwrap();
    let found: HashMap<_, _> = sold_since(&world, today()).await.into_iter().collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_report_that_nobody_waits_for_any_more_is_cancelled() {
    let world = World::new().await;
    let client = world.test.client().await;
    client
        .batch_execute("begin; lock table products in access exclusive mode")
        .await
        .unwrap();
    let waiting = async {
        let running = "
            select count(*)
            from pg_stat_activity
            where datname = current_database() and state = 'active'
              and query like '%sales_to_date%' and pid <> pg_backend_pid()";
        client
            .query_one(running, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
    };
    {
        let mut report = Box::pin(sold_since(&world, today()));
        let begun = tokio::time::timeout(std::time::Duration::from_millis(300), &mut report).await;
        assert!(begun.is_err(), "the table is locked");
        assert_eq!(waiting.await, 1);
    }
    integration_tests::eventually("the statement is cancelled", || async {
        let running = "
            select count(*)
            from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        client
            .query_one(running, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
    })
    .await;
    client.batch_execute("rollback").await.unwrap();
    // And the connection serves the next report.
    assert!(sold_since(&world, today()).await.is_empty());
}
