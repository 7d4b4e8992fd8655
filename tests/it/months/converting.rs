//! Tables become partitioned under way: nothing is lost, nothing is left that refuses an order, and whatever was
//! interrupted goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration as StdDuration,
};

use adapters_postgres::{Database, DatabaseSettings, PartitionError, PartitionStep};
use domain::{
    StorageError,
    orders::{
        DeskError, OrderMonths as _, OrderRepository as _,
        placement::{Outcome, Refusal},
    },
};
use integration_tests::{TestDatabase, World};
use time::Duration;
use tokio::time::timeout;

use super::{IS_WAITED_FOR, move_on, names};

/// All that the schema says of these tables, without their partitions.
async fn schema(world: &World) -> Vec<String> {
    let whole = names(world, include_str!("../released_constraints.sql")).await;
    let of_tables = ["orders.", "itens_order.", "order_history."];
    let is_of_a_table = |line: &String| of_tables.iter().any(|table| line.starts_with(table));
    let mut schema: Vec<_> = whole.into_iter().filter(is_of_a_table).collect();
    let indexes = "
        select indexdef from pg_indexes
        where tablename in ('orders', 'itens_order', 'order_history')
        order by 1";
    // An index of a partitioned table has those of its partitions below it.
    let indexes = names(world, indexes).await;
    schema.extend(
        indexes
            .iter()
            .map(|index| index.replace(" ON ONLY ", " ON ")),
    );
    schema
}

/// A shop whose tables of orders are whole.
async fn undivided() -> World {
    World::on(TestDatabase::of_whole_tables().await).await
}

/// Keeps the orders of a world by month, the first one of which is the month after the next.
async fn partition_now(database: &Database) -> Vec<PartitionStep> {
    let steps = std::sync::Mutex::new(Vec::new());
    let now = World::now();
    let until = now + Duration::days(92);
    let tell = |step| steps.lock().unwrap().push(step);
    database.partition(now, until, tell).await.unwrap();
    steps.into_inner().unwrap()
}

#[tokio::test]
async fn orders_are_placed_while_their_tables_are_partitioned_and_nothing_else_changes() {
    let world = Arc::new(undivided().await);
    let (customer, product) = (world.customer().await, world.product(100_000).await);
    let before = schema(&world).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let buyers: Vec<_> = (0..4)
        .map(|_| {
            let (world, is_over, customer) =
                (Arc::clone(&world), Arc::clone(&is_over), customer.clone());
            tokio::spawn(async move {
                let (desk, mut placed) = (world.racing_desk(), Vec::new());
                while !is_over.load(Ordering::Relaxed) {
                    let request = world.request(&customer, &[(product, 1)]);
                    match desk.place(request).await {
                        Ok(Outcome::Placed(order) | Outcome::Replayed(order)) => placed.push(order),
                        // While a table is locked as a whole: nothing was placed.
                        Err(
                            DeskError::Storage(StorageError::Unavailable(_))
                            | DeskError::Refused(Refusal::Held { .. }),
                        ) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                placed
            })
        })
        .collect();
    let steps = partition_now(&world.test.pool(4)).await;
    is_over.store(true, Ordering::Relaxed);
    let converted = ["orders", "itens_order", "order_history"].map(PartitionStep::Converted);
    assert_eq!(steps[..3], converted);
    assert!(matches!(steps[3], PartitionStep::Made(2..=3)), "{steps:?}");
    assert_eq!(
        partition_now(&world.test.pool(4)).await,
        [PartitionStep::Made(0)]
    );
    assert_eq!(schema(&world).await, before);
    let mut all = 0;
    for buyer in buyers {
        for order in buyer.await.unwrap() {
            assert_eq!(world.orders.find(order.id).await.unwrap(), Some(order));
            all += 1;
        }
    }
    assert!(all > 0);
    assert_eq!(world.available(product).await, 100_000 - all);
    assert_eq!(world.books().await.discrepancies(), []);
    move_on(&world, &customer, product).await;
}

const GUARDS: &str = "select count(*) from pg_constraint where conname = 'holds_what_was_before'";

#[tokio::test]
async fn interrupted_at_any_instant_it_goes_on_and_refuses_no_order() {
    let world = undivided().await;
    let (customer, product) = (world.customer().await, world.product(100_000).await);
    let before = schema(&world).await;
    let until = World::now() + Duration::days(92);
    let (mut placed, mut patience) = (0, StdDuration::ZERO);
    loop {
        let interrupted = world.test.pool(4);
        let done = interrupted.partition(World::now(), until, |_| {});
        let is_done = timeout(patience, done).await;
        drop(interrupted);
        let _ = world.database.extend(until).await.unwrap();
        assert_eq!(world.count(GUARDS).await, 0, "after {patience:?}");
        let _ = world.place(&customer, &[(product, 1)]).await.unwrap();
        placed += 1;
        match is_done {
            Ok(done) => break done.unwrap(),
            Err(_) => patience += StdDuration::from_millis(3),
        }
    }
    assert!(placed > 10, "interrupted {placed} times");
    assert_eq!(schema(&world).await, before);
    assert_eq!(world.available(product).await, 100_000 - placed);
    assert_eq!(world.books().await.discrepancies(), []);
    move_on(&world, &customer, product).await;
}

#[tokio::test]
async fn a_guard_that_was_left_is_let_go() {
    let world = undivided().await;
    let (customer, product) = (world.customer().await, world.product(10).await);
    let guard = "
        alter table itens_order add constraint holds_what_was_before
        check (order_id < '00000000-0000-7000-8000-000000000000')";
    let client = world.test.client().await;
    client.batch_execute(guard).await.unwrap();
    let until = World::now() + Duration::days(92);
    assert_eq!(world.database.extend(until).await.unwrap(), 0);
    assert_eq!(world.count(GUARDS).await, 0);
    let _ = world.place(&customer, &[(product, 1)]).await.unwrap();
}

#[tokio::test]
async fn what_an_operator_added_is_named_and_nothing_is_changed() {
    let world = undivided().await;
    let (before, client) = (schema(&world).await, world.test.client().await);
    let added = "
        create view recent_orders as select * from orders;
        create publication outside for table itens_order;
        create function nothing() returns trigger language plpgsql as 'begin return null; end';
        create trigger watched after insert on orders execute function nothing();
        create statistics correlated (dependencies) on customer_id, status from orders;
        create table parcels (order_id uuid references orders (id));
        create unique index one_note on order_history (note);
        grant select (status) on orders to pg_monitor";
    client.batch_execute(added).await.unwrap();
    let until = World::now() + Duration::days(92);
    let refused = world.database.partition(World::now(), until, |_| {}).await;
    let Err(PartitionError::InTheWay(found)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        found,
        [
            "the foreign key parcels_order_id_fkey of parcels",
            "the privileges of the column status of orders",
            "the publication outside of itens_order",
            "the statistics correlated of orders",
            "the trigger watched of orders",
            "the unique index one_note",
            "the view recent_orders",
        ]
    );
    assert_eq!(world.count(GUARDS).await, 0);
    let remove = "
        drop view recent_orders; drop publication outside; drop trigger watched on orders;
        drop statistics correlated; drop table parcels; drop index one_note;
        revoke select (status) on orders from pg_monitor";
    client.batch_execute(remove).await.unwrap();
    partition_now(&world.database).await;
    assert_eq!(schema(&world).await, before);
}

#[tokio::test]
async fn orders_are_placed_while_it_waits_for_somebody_who_reads() {
    let world = undivided().await;
    let (customer, product) = (world.customer().await, world.product(1_000).await);
    let (reader, looker) = (world.test.client().await, world.test.client().await);
    let read = "begin; select count(*) from orders";
    reader.batch_execute(read).await.unwrap();
    let database = world.test.pool(4);
    let converting = tokio::spawn(async move { partition_now(&database).await });
    let (mut seen, mut was_waiting, mut placed) = (0, false, 0);
    while seen < 4 {
        let is_waiting: bool = looker.query_one(IS_WAITED_FOR, &[]).await.unwrap().get(0);
        seen += i32::from(is_waiting && !was_waiting);
        was_waiting = is_waiting;
        if is_waiting {
            let _ = world.place(&customer, &[(product, 1)]).await.unwrap();
            placed += 1;
        }
    }
    assert!(!converting.is_finished());
    reader.batch_execute("commit").await.unwrap();
    let steps = converting.await.unwrap();
    assert_eq!(steps[0], PartitionStep::Converted("orders"));
    assert_eq!(world.available(product).await, 1_000 - placed);
    assert_eq!(world.books().await.discrepancies(), []);
}

#[tokio::test]
async fn an_owner_who_is_no_superuser_keeps_orders_by_month() {
    let test = TestDatabase::empty().await;
    let owner = test.given_away().await;
    let url = test.url().replacen("balcao@", &format!("{owner}@"), 1);
    let theirs = Database::new(&DatabaseSettings::parse(&url, 4).unwrap()).unwrap();
    let steps = partition_now(&theirs).await;
    assert_eq!(steps.len(), 4, "{steps:?}");
    let of_others = "select count(*) from pg_class where relkind in ('r', 'p', 'i', 'I')
        and relnamespace = current_schema()::regnamespace and pg_get_userbyid(relowner) <> $1";
    let superuser = test.client().await;
    let of_others = superuser.query_one(of_others, &[&owner]).await.unwrap();
    assert_eq!(of_others.get::<_, i64>(0), 0);
    test.taken_back(&owner).await;
}
