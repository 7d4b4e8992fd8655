//! `PlacementStore`, over PostgreSQL: what it locks and writes, its races and its roll-backs.

use std::{collections::BTreeMap, sync::Arc};

use adapters_postgres::PgOrders;
use async_trait::async_trait;
use domain::{
    StorageError,
    catalog::ProductId,
    customers::CustomerId,
    identity::AccountId,
    orders::{
        Desk, DeskError, DeskSettings, IdempotencyKey, IdempotencyKeys, LockWait, NewOrder,
        OrderStatus, PlacementStore,
        placement::{Outcome, Plan, Refusal, Request, Scope, State, decide},
    },
    unit_of_work::{CommitError, Opened},
};
use futures_util::{FutureExt, future::join_all};
use http_actix::adapters::{SystemClock, UuidV7Source};
use integration_tests::World;

fn scope(products: &[ProductId], customers: &[CustomerId]) -> Scope {
    Scope {
        products: products.to_vec(),
        customers: customers.to_vec(),
        accounts: Vec::new(),
        keys: Vec::new(),
    }
}

#[tokio::test]
async fn the_state_holds_what_exists_and_nothing_else() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    let nothing = ProductId::new(World::id());
    let nobody = CustomerId::new(World::id());
    let ghost = AccountId::new(World::id());
    let scope = Scope {
        accounts: vec![world.shop, ghost],
        ..scope(&[product, nothing], &[customer.id, nobody])
    };
    let open = world.open(&scope).await;
    assert_eq!(open.state.offers.len(), 1);
    assert_eq!(open.state.offers[&product].available.units(), 5);
    assert_eq!(open.state.offers[&product].price.to_string(), "19.90");
    assert_eq!(open.state.customers, [customer.id].into());
    assert_eq!(open.state.accounts, [world.shop].into());
    assert!(open.state.held.is_empty());
    assert_eq!(world.orders.peek(&scope).await.unwrap(), open.state);
    open.unit.abandon().await.unwrap();
}

#[tokio::test]
async fn a_batch_is_written_whole_in_one_commit() {
    let world = World::new().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(5).await, world.product(5).await);
    let batch = [
        world.request(&customer, &[(first, 2), (second, 1)]),
        world.request(&customer, &[(first, 4)]),
        world.request(&customer, &[(second, 4), (first, 3)]),
    ];
    let answers = world.place_batch(&batch).await;
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

#[tokio::test]
async fn a_plan_that_storage_refuses_is_rolled_back_whole() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(5).await);
    // Decided on a customer who has gone since: the last of three writes fails.
    let batch = [world.request(&customer, &[(product, 2)])];
    let open = world.open(&Scope::of(&batch)).await;
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
        matches!(refused, Err(CommitError::Outdated(_))),
        "{refused:?}"
    );
    assert_eq!(world.available(product).await, 5);
    assert_eq!(world.count("select count(*) from orders").await, 0);
    // And its connection is good for the next.
    let other = world.customer().await;
    assert!(world.place(&other, &[(product, 5)]).await.is_ok());
    assert_eq!(world.database.connections_of_the_desk(), 1);
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

fn keyed(account: AccountId, key: &str, order: NewOrder) -> Request {
    Request::new(account, order).under(IdempotencyKey::parse(key).unwrap())
}

#[tokio::test]
async fn thirty_two_requests_with_one_key_at_once_make_one_order() {
    let world = World::ready_to_race().await;
    let (customer, product) = (world.customer().await, world.product(50).await);
    let account = world.account().await;
    let desk = world.racing_desk();
    let requests = (0..32).map(|_| {
        let request = keyed(account, "key-1", World::order(&customer, &[(product, 1)]));
        let desk = desk.clone();
        tokio::spawn(async move { desk.place(request).await })
    });
    let mut placed = Vec::new();
    let mut replayed = Vec::new();
    for answer in join_all(requests).await {
        match answer.unwrap().unwrap() {
            Outcome::Placed(order) => placed.push(order),
            Outcome::Replayed(order) => replayed.push(order),
        }
    }
    assert_eq!((placed.len(), replayed.len()), (1, 31));
    assert!(replayed.iter().all(|order| *order == placed[0]));
    assert_eq!(world.available(product).await, 49);
    assert_eq!(world.count("select count(*) from orders").await, 1);
}

#[tokio::test]
async fn one_key_for_different_orders_of_different_products_at_once_makes_one_order() {
    let world = World::ready_to_race().await;
    let customer = world.customer().await;
    let account = world.account().await;
    let desk = world.racing_desk();
    for round in 0..10 {
        // Different products: nothing but the key itself stands between them.
        let mut requests = Vec::new();
        for _ in 0..8 {
            let order = World::order(&customer, &[(world.product(1).await, 1)]);
            requests.push(keyed(account, &format!("key-{round}"), order));
        }
        let answers = requests.into_iter().map(|request| {
            let desk = desk.clone();
            tokio::spawn(async move { desk.place(request).await })
        });
        let mut placed = 0;
        for answer in join_all(answers).await {
            match answer.unwrap() {
                Ok(_) => placed += 1,
                Err(DeskError::Refused(Refusal::KeyReused)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(placed, 1);
    }
    assert_eq!(world.count("select count(*) from orders").await, 10);
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_was_though_the_order_has_moved_on() {
    let world = World::new().await;
    let customer = world.customer().await;
    let (first, second) = (world.product(5).await, world.product(5).await);
    let account = world.account().await;
    let desk = world.racing_desk();
    let request = || {
        let order = World::order(&customer, &[(second, 2), (first, 5)]);
        keyed(account, "key-1", order)
    };
    let Outcome::Placed(placed) = desk.place(request()).await.unwrap() else {
        panic!("nothing was placed before");
    };
    let cancelled = OrderStatus::Cancelled;
    let orders = world.order_service();
    orders
        .transition(&World::staff(), placed.id, cancelled)
        .await
        .unwrap();
    let repeated = desk.place(request()).await.unwrap();
    assert_eq!(repeated, Outcome::Replayed(placed));
    assert_eq!(world.available(first).await, 5);
}

#[tokio::test]
async fn old_keys_are_removed_and_young_ones_stay() {
    let world = World::new().await;
    let (customer, product) = (world.customer().await, world.product(50).await);
    let account = world.account().await;
    let desk = world.racing_desk();
    for key in 0..5 {
        let order = World::order(&customer, &[(product, 1)]);
        desk.place(keyed(account, &format!("key-{key}"), order))
            .await
            .unwrap();
    }
    let age =
        "update idempotency_keys set created_at = now() - interval '25 hours' where key < 'key-3'";
    world.test.client().await.batch_execute(age).await.unwrap();
    let keys: &dyn IdempotencyKeys = &world.orders;
    let moment = World::now() - IdempotencyKey::LIFETIME;
    assert_eq!(keys.remove_before(moment, 2).await.unwrap(), 2);
    assert_eq!(keys.remove_before(moment, 2).await.unwrap(), 1);
    assert_eq!(keys.remove_before(moment, 2).await.unwrap(), 0);
    assert_eq!(
        world.count("select count(*) from idempotency_keys").await,
        2
    );
    assert_eq!(world.count("select count(*) from orders").await, 5);
}

/// A store in which a customer goes away between the look at a batch and its commit.
struct Meddled {
    orders: PgOrders,
    client: tokio_postgres::Client,
    goes_away: CustomerId,
}

#[async_trait]
impl PlacementStore for Meddled {
    async fn open(
        &self,
        scope: &Scope,
        wait: LockWait,
    ) -> Result<Opened<State, Plan>, StorageError> {
        let open = PlacementStore::open(&self.orders, scope, wait).await?;
        let gone = format!("delete from customers where id = '{}'", self.goes_away);
        self.client.batch_execute(&gone).await.unwrap();
        Ok(open)
    }

    async fn peek(&self, scope: &Scope) -> Result<State, StorageError> {
        self.orders.peek(scope).await
    }
}

#[tokio::test]
async fn a_batch_with_one_poisoned_order_places_the_others() {
    let world = World::new().await;
    let (stays, goes) = (world.customer().await, world.customer().await);
    let product = world.product(10).await;
    let store = Meddled {
        orders: world.orders.clone(),
        client: world.test.client().await,
        goes_away: goes.id,
    };
    let settings = DeskSettings {
        workers: 1,
        max_batch: 10,
        min_parallel_batch: 1,
        max_queued: 10,
        max_lanes: 1,
    };
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Source));
    let (desk, tasks) = Desk::open(Arc::new(store), clock, ids, settings);
    let mut placing: Vec<_> = [&stays, &goes, &stays]
        .into_iter()
        .map(|customer| {
            let request = world.request(customer, &[(product, 2)]);
            Box::pin(desk.place(request))
        })
        .collect();
    for placing in &mut placing {
        assert!(placing.now_or_never().is_none(), "they wait for the clerk");
    }
    for task in tasks {
        tokio::spawn(task);
    }
    let answers = join_all(placing).await;
    assert!(
        matches!(
            answers[..],
            [
                Ok(Outcome::Placed(_)),
                Err(DeskError::Refused(Refusal::UnknownCustomer)),
                Ok(Outcome::Placed(_)),
            ]
        ),
        "{answers:?}"
    );
    assert_eq!(world.available(product).await, 6);
}
