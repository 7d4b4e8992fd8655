//! `TransitionStore`, over PostgreSQL: its locks, races and roll-backs.

use std::sync::Arc;

use domain::{
    identity::Principal,
    orders::{
        OrderError, OrderId, OrderRepository, OrderStatus, TransitionLocks, TransitionStore,
        placement::Outcome,
    },
    values::Expected,
};
use futures_util::future::join_all;
use integration_tests::World;

#[tokio::test]
async fn a_change_is_written_with_its_version_and_returns_what_it_returns() {
    let world = World::new().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(5).await, world.product(5).await);
    let placed = world
        .place(&customer, &[(second, 2), (first, 3)])
        .await
        .unwrap();
    let open = TransitionStore::open(
        &world.orders,
        placed.id,
        TransitionLocks::OrderAndStock,
        Principal::Staff,
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(open.state, placed);
    let transition =
        match open
            .state
            .transition(OrderStatus::Cancelled.into(), &World::staff(), World::now())
        {
            Ok(Some(transition)) => transition,
            other => panic!("a pending order can be cancelled: {other:?}"),
        };
    open.unit.commit(&transition).await.unwrap();
    let kept = OrderRepository::find(&world.orders, placed.id)
        .await
        .unwrap();
    assert_eq!(kept, Some(transition.order));
    assert_eq!(world.available(first).await, 5);
    assert_eq!(world.available(second).await, 5);
}

#[tokio::test]
async fn an_order_that_does_not_exist_opens_nothing() {
    let world = World::new().await;
    let nothing = OrderId::new(World::id());
    let open = TransitionStore::open(
        &world.orders,
        nothing,
        TransitionLocks::OrderAndStock,
        Principal::Staff,
    )
    .await
    .unwrap();
    assert!(open.is_none());
    world.no_transaction_is_left_open().await;
}

#[tokio::test]
async fn thirty_two_cancellations_at_once_return_the_stock_once() {
    let world = World::ready_to_race().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    let order = world.place(&customer, &[(product, 5)]).await.unwrap().id;
    let orders = Arc::new(world.order_service());
    let cancellations = (0..32).map(|_| {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move {
            orders
                .transition(
                    &World::staff(),
                    order,
                    OrderStatus::Cancelled.into(),
                    &Expected::Any,
                )
                .await
        })
    });
    for cancelled in join_all(cancellations).await {
        let cancelled = cancelled.unwrap().unwrap();
        assert_eq!(cancelled.status, OrderStatus::Cancelled);
        assert_eq!(cancelled.version.number(), 2);
    }
    assert_eq!(world.available(product).await, 5);
}

#[tokio::test]
async fn of_a_shipment_and_a_cancellation_at_once_one_wins_and_stock_tells_which() {
    let world = World::ready_to_race().await;
    let (customer, product) = (world.customer().await, world.product(100).await);
    let orders = Arc::new(world.order_service());
    let mut cancelled = 0;
    for _ in 0..20 {
        let order = world.place(&customer, &[(product, 1)]).await.unwrap().id;
        orders
            .transition(
                &World::staff(),
                order,
                OrderStatus::Paid.into(),
                &Expected::Any,
            )
            .await
            .unwrap();
        let moves = [OrderStatus::Shipped, OrderStatus::Cancelled].map(|to| {
            let orders = Arc::clone(&orders);
            tokio::spawn(async move {
                orders
                    .transition(&World::staff(), order, to.into(), &Expected::Any)
                    .await
            })
        });
        let outcomes: Vec<_> = join_all(moves)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let refused: Vec<_> = outcomes.iter().filter_map(|o| o.as_ref().err()).collect();
        assert!(
            matches!(refused[..], [OrderError::Transition(_)]),
            "{outcomes:?}"
        );
        let order = orders.get(&World::staff(), order).await.unwrap();
        cancelled += i64::from(order.status == OrderStatus::Cancelled);
    }
    assert_eq!(world.available(product).await, 80 + cancelled);
}

#[tokio::test]
async fn placements_and_cancellations_of_the_same_products_never_deadlock() {
    let world = World::ready_to_race().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(10_000).await, world.product(10_000).await);
    let orders = Arc::new(world.order_service());
    let desk = world.racing_desk();
    let work = (0..40).map(|n| {
        let lines = if n % 2 == 0 {
            [(first, 1), (second, 1)]
        } else {
            [(second, 1), (first, 1)]
        };
        let request = world.request(&customer, &lines);
        let (desk, orders) = (desk.clone(), Arc::clone(&orders));
        tokio::spawn(async move {
            let placed = match desk.place(request).await.unwrap() {
                Outcome::Placed(order) | Outcome::Replayed(order) => order,
            };
            let cancelled = OrderStatus::Cancelled;
            orders
                .transition(&World::staff(), placed.id, cancelled.into(), &Expected::Any)
                .await
                .unwrap();
        })
    });
    join_all(work).await.into_iter().for_each(Result::unwrap);
    assert_eq!(world.available(first).await, 10_000);
    assert_eq!(world.available(second).await, 10_000);
}

#[tokio::test]
async fn a_change_that_is_dropped_leaves_neither_a_lock_nor_an_open_transaction() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    let order = world.place(&customer, &[(product, 1)]).await.unwrap().id;
    drop(
        TransitionStore::open(
            &world.orders,
            order,
            TransitionLocks::OrderAndStock,
            Principal::Staff,
        )
        .await
        .unwrap(),
    );
    world.no_transaction_is_left_open().await;
    let orders = world.order_service();
    let staff = World::staff();
    let paid = orders.transition(&staff, order, OrderStatus::Paid.into(), &Expected::Any);
    World::soon("a change of status", paid).await.unwrap();
}
