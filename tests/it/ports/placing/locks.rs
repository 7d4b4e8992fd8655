//! What a placement reads and locks, whom it waits for, and what it leaves behind.

use domain::{
    catalog::ProductId,
    customers::CustomerId,
    identity::AccountId,
    orders::{LockWait, PlacementStore, placement::Scope},
};
use integration_tests::World;

use super::scope;

#[tokio::test]
async fn the_state_holds_what_exists_and_nothing_else() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    let nothing = ProductId::new(World::id());
    let nobody = CustomerId::new(World::id());
    let ghost = AccountId::new(World::id());
    let scope = Scope {
        accounts: vec![world.shop.account_id, ghost],
        ..scope(&[product, nothing], &[customer.id, nobody])
    };
    let open = world.open(&scope).await;
    assert_eq!(open.state.offers.len(), 1);
    assert_eq!(open.state.offers[&product].available.units(), 5);
    assert_eq!(open.state.offers[&product].price.to_string(), "19.90");
    assert_eq!(open.state.customers, [customer.id].into());
    assert_eq!(open.state.accounts, [world.shop.account_id].into());
    assert!(open.state.held.is_empty());
    assert_eq!(world.orders.peek(&scope).await.unwrap(), open.state);
    open.unit.abandon().await.unwrap();
}

#[tokio::test]
async fn a_placement_that_is_dropped_leaves_neither_a_lock_nor_an_open_transaction() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    for _ in 0..3 {
        let scope = scope(&[product], &[customer.id]);
        drop(world.open(&scope).await);
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
    let holder = world.open(&scope).await;
    let in_line = LockWait::InLineFor(product);
    let waiting = PlacementStore::open(&world.orders, &scope, in_line);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(100), waiting).await;
    assert!(waited.is_err(), "two placements hold the same stock");
    holder.unit.abandon().await.unwrap();
    world.no_transaction_is_left_open().await;
    let placed = World::soon("placing", world.place(&customer, &[(product, 5)])).await;
    assert!(placed.is_ok());
}

#[tokio::test]
async fn what_somebody_goes_on_holding_is_told_and_keeps_the_others_not_waiting() {
    let world = World::new().await;
    let (held, free) = (world.product(5).await, world.product(5).await);
    let holder = world.open(&scope(&[held], &[])).await;
    for wait in [LockWait::Briefly, LockWait::InLineFor(held)] {
        let both = scope(&[held, free], &[]);
        let open = PlacementStore::open(&world.orders, &both, wait);
        let open = World::soon("what is free", open).await.unwrap();
        assert_eq!(open.state.held, [held].into());
        let offered: Vec<_> = open.state.offers.keys().copied().collect();
        assert_eq!(offered, [free]);
        // What is offered is locked, what is held is not waited for.
        let free_is_locked = PlacementStore::open(&world.orders, &both, LockWait::Briefly);
        let other = free_is_locked.await.unwrap();
        assert_eq!(other.state.held, [held, free].into());
        open.unit.abandon().await.unwrap();
        other.unit.abandon().await.unwrap();
    }
    holder.unit.abandon().await.unwrap();
    let open = world.open(&scope(&[held, free], &[])).await;
    assert!(open.state.held.is_empty());
}

#[tokio::test]
async fn who_stands_in_line_for_a_product_gets_it_when_it_is_let_go() {
    let world = World::new().await;
    let product = world.product(5).await;
    let only = scope(&[product], &[]);
    let holder = world.open(&only).await;
    let in_line = LockWait::InLineFor(product);
    let waiting = PlacementStore::open(&world.orders, &only, in_line);
    let mut waiting = Box::pin(waiting);
    let early = tokio::time::timeout(std::time::Duration::from_millis(100), &mut waiting).await;
    assert!(early.is_err(), "it stands in line");
    holder.unit.abandon().await.unwrap();
    let open = World::soon("its turn", waiting).await.unwrap();
    assert!(open.state.held.is_empty());
    assert_eq!(open.state.offers[&product].available.units(), 5);
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
    // One of the desk, and one that made the customer and the product.
    assert_eq!(world.count(backends).await, 2);
    assert_eq!(world.database.connections_of_the_desk(), 1);
}
