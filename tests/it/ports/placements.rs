//! `PlacementStore`, over PostgreSQL: what it locks and writes, its races and its roll-backs.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    CustomerId, ProductId,
    placement::{Refusal, Scope, decide},
    ports::{CommitError, PlacementStore},
};
use futures_util::future::join_all;
use http_actix::adapters::UuidV7Source;
use integration_tests::World;

fn scope(products: &[ProductId], customers: &[CustomerId]) -> Scope {
    Scope {
        products: products.to_vec(),
        customers: customers.to_vec(),
    }
}

#[tokio::test]
async fn the_state_holds_what_exists_and_nothing_else() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    let nothing = ProductId::new(World::id());
    let nobody = CustomerId::new(World::id());
    let open = PlacementStore::open(
        &world.database,
        &scope(&[product, nothing], &[customer.id, nobody]),
    )
    .await
    .unwrap();
    assert_eq!(open.state.offers.len(), 1);
    assert_eq!(open.state.offers[&product].available.units(), 5);
    assert_eq!(open.state.offers[&product].price.to_string(), "19.90");
    assert_eq!(open.state.customers, [customer.id].into());
    open.unit.abandon().await.unwrap();
}

#[tokio::test]
async fn a_batch_is_written_whole_in_one_commit() {
    let world = World::new().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(5).await, world.product(5).await);
    let batch = [
        World::order(&customer, &[(first, 2), (second, 1)]),
        World::order(&customer, &[(first, 4)]),
        World::order(&customer, &[(second, 4), (first, 3)]),
    ];
    let answers = world.desk().place(&batch).await.unwrap();
    let placed: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(placed, [true, false, true]);
    assert_eq!(world.available(first).await, 0);
    assert_eq!(world.available(second).await, 0);
    assert_eq!(world.count("select count(*) from orders").await, 2);
    assert_eq!(world.count("select count(*) from itens_order").await, 4);
    // Both rows carry the number of the transaction that wrote them.
    let transactions = "select count(distinct xmin::text) from orders";
    assert_eq!(world.count(transactions).await, 1);
}

#[tokio::test]
async fn sixty_four_buyers_of_fifty_units_buy_exactly_fifty() {
    let world = World::ready_to_race().await;
    let (customer, product) = (world.customer().await, world.product(50).await);
    let desk = Arc::new(world.desk());
    let buyers = (0..64).map(|_| {
        let (desk, order) = (Arc::clone(&desk), World::order(&customer, &[(product, 1)]));
        tokio::spawn(async move { desk.place(&[order]).await.unwrap().remove(0) })
    });
    let answers = join_all(buyers).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 50);
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert!(
            matches!(refused, Refusal::InsufficientStock { .. }),
            "{refused:?}"
        );
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
    let desk = Arc::new(world.desk());
    let buyers = (0..60).map(|n| {
        let lines = if n % 2 == 0 {
            [(first, 1), (second, 1)]
        } else {
            [(second, 1), (first, 1)]
        };
        let (desk, order) = (Arc::clone(&desk), World::order(&customer, &lines));
        tokio::spawn(async move {
            for _ in 0..5 {
                let answers = desk.place(std::slice::from_ref(&order)).await.unwrap();
                assert!(answers[0].is_ok());
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
async fn a_placement_that_is_dropped_leaves_neither_a_lock_nor_an_open_transaction() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    for _ in 0..3 {
        let scope = scope(&[product], &[customer.id]);
        drop(PlacementStore::open(&world.database, &scope).await.unwrap());
        world.no_transaction_is_left_open().await;
        let placed = World::soon("placing", world.place(&customer, &[(product, 1)])).await;
        assert!(placed.is_ok());
    }
    assert_eq!(world.available(product).await, 2);
}

#[tokio::test]
async fn a_placement_that_is_given_up_while_it_waits_for_a_lock_leaves_nothing_behind() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    let scope = scope(&[product], &[customer.id]);
    let holder = PlacementStore::open(&world.database, &scope).await.unwrap();
    let waiting = PlacementStore::open(&world.database, &scope);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(200), waiting).await;
    assert!(waited.is_err(), "two placements hold the same stock");
    holder.unit.abandon().await.unwrap();
    world.no_transaction_is_left_open().await;
    let placed = World::soon("placing", world.place(&customer, &[(product, 5)])).await;
    assert!(placed.is_ok());
}

#[tokio::test]
async fn connections_of_placements_that_ended_are_used_again() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    for units in [1, 99, 1, 99] {
        let _ = world.place(&customer, &[(product, units)]).await;
    }
    let backends = "
        select count(distinct pid)
        from pg_stat_activity
        where datname = current_database() and application_name = 'balcao'";
    assert_eq!(world.count(backends).await, 1);
    assert_eq!(world.database.connections(), 1);
}

#[tokio::test]
async fn a_plan_that_storage_refuses_is_rolled_back_whole() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    // Decided on a customer who has gone since: the last of three writes fails.
    let batch = [World::order(&customer, &[(product, 2)])];
    let scope = scope(&[product], &[customer.id]);
    let open = PlacementStore::open(&world.database, &scope).await.unwrap();
    let plan = decide(open.state, &batch, World::now(), &UuidV7Source);
    let gone = format!("delete from customers where id = '{}'", customer.id);
    world
        .test
        .client()
        .await
        .batch_execute(&gone)
        .await
        .unwrap();
    let refused = open.unit.commit(&plan).await;
    assert!(
        matches!(refused, Err(CommitError::Rejected(_))),
        "{refused:?}"
    );
    assert_eq!(world.available(product).await, 5);
    assert_eq!(world.count("select count(*) from orders").await, 0);
    // And its connection is good for the next.
    let other = world.customer().await;
    assert!(world.place(&other, &[(product, 5)]).await.is_ok());
    assert_eq!(world.database.connections(), 1);
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
    let desk = Arc::new(world.desk());
    let buyers = (0..40_usize).map(|n| {
        let lines = [(products[n % 3], 2), (products[(n + n / 3) % 3], 1)];
        let (desk, order) = (Arc::clone(&desk), World::order(&customer, &lines));
        tokio::spawn(async move { desk.place(&[order]).await.unwrap() })
    });
    join_all(buyers)
        .await
        .into_iter()
        .for_each(|answers| drop(answers.unwrap()));
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
