//! Buyers who want the same at once.

use std::collections::BTreeMap;

use domain::orders::{DeskError, placement::Refusal};
use futures_util::future::join_all;
use integration_tests::World;

#[tokio::test]
async fn sixty_four_buyers_of_fifty_units_buy_exactly_fifty() {
    let world = World::ready_to_race().await;
    let (customer, product) = (world.customer().await, world.product(50).await);
    let desk = world.racing_desk();
    let buyers = (0..64).map(|_| {
        let (desk, request) = (desk.clone(), world.request(&customer, &[(product, 1)]));
        tokio::spawn(async move { desk.place(request).await })
    });
    let answers = join_all(buyers).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 50);
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        let short = matches!(
            refused,
            DeskError::Refused(Refusal::InsufficientStock { .. })
        );
        assert!(short, "{refused:?}");
    }
    assert_eq!(world.available(product).await, 0);
    assert_eq!(
        world.count("select sum(quantidade) from itens_order").await,
        50
    );
}

#[tokio::test]
async fn orders_that_name_the_same_products_in_opposite_ways_never_deadlock() {
    let world = World::ready_to_race().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(10_000).await, world.product(10_000).await);
    let desk = world.racing_desk();
    let buyers = (0..60).map(|n| {
        let lines = if n % 2 == 0 {
            [(first, 1), (second, 1)]
        } else {
            [(second, 1), (first, 1)]
        };
        let (desk, request) = (desk.clone(), world.request(&customer, &lines));
        tokio::spawn(async move {
            for _ in 0..5 {
                desk.place(request.clone()).await.unwrap();
            }
        })
    });
    join_all(buyers).await.into_iter().for_each(Result::unwrap);
    assert_eq!(world.available(first).await, 10_000 - 300);
    assert_eq!(world.available(second).await, 10_000 - 300);
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(world.count(deadlocks).await, 0);
}

#[tokio::test]
async fn stock_plus_sold_is_always_what_there_was() {
    let world = World::ready_to_race().await;
    let customer = world.customer().await;
    let mut stock = BTreeMap::new();
    for units in [7, 11, 13] {
        stock.insert(world.product(units).await, units);
    }
    let products: Vec<_> = stock.keys().copied().collect();
    let desk = world.racing_desk();
    let buyers = (0..40_usize).map(|n| {
        let lines = [(products[n % 3], 2), (products[(n + n / 3) % 3], 1)];
        let (desk, request) = (desk.clone(), world.request(&customer, &lines));
        tokio::spawn(async move { desk.place(request).await })
    });
    for answer in join_all(buyers).await {
        let _ = answer.unwrap();
    }
    for (product, units) in stock {
        let sold = format!(
            "select coalesce(sum(quantidade), 0) from itens_order where product_id = '{product}'"
        );
        assert_eq!(
            world.available(product).await + world.count(&sold).await,
            units
        );
    }
}
