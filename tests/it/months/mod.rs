//! Orders month by month: made so under way, with room ahead, and old months that become tables of their own.

mod converting;

use std::sync::Arc;

use adapters_postgres::{PartitionError, PartitionStep};
use domain::{
    catalog::ProductId,
    customers::Customer,
    orders::{OrderId, OrderMonths as _, OrderRepository as _, OrderStatus},
    stock::StockRepository as _,
    values::{Expected, Freshness, Limit, PageRequest},
};
use integration_tests::{TestDatabase, World, eventually, partition};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

async fn names(world: &World, query: &str) -> Vec<String> {
    let rows = world.test.client().await.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The partitions of orders, in their sequence.
async fn months(world: &World) -> Vec<String> {
    let parts = "
        select relname::text
        from pg_inherits
        join pg_class on pg_class.oid = inhrelid
        where inhparent = 'orders'::regclass
        order by relname like '%before%' desc, relname";
    names(world, parts).await
}

/// Everything that is done with an order works.
async fn move_on(world: &World, customer: &Customer, product: ProductId) {
    let order = world.place(customer, &[(product, 2)]).await.unwrap();
    let left = world.available(product).await;
    let service = world.order_service();
    let staff = World::staff();
    let to =
        |status: OrderStatus| service.transition(&staff, order.id, status.into(), &Expected::Any);
    let paid = to(OrderStatus::Paid).await.unwrap();
    assert_eq!(paid.status, OrderStatus::Paid);
    let _ = to(OrderStatus::Cancelled).await.unwrap();
    assert_eq!(world.available(product).await, left + 2);
    let history = world.orders.history(order.id).await.unwrap().unwrap();
    assert_eq!(history.entries.len(), 3);
}

#[tokio::test]
async fn room_is_made_for_months_ahead_once_and_orders_go_there() {
    let world = World::on(TestDatabase::of_whole_tables().await).await;
    let now = World::now();
    assert_eq!(
        world.database.extend(now).await.unwrap(),
        0,
        "nobody keeps months"
    );
    partition(&world.database).await;
    let since = months(&world).await;
    assert!(since.len() > 13, "{since:?}");
    let further = now + Duration::days(200);
    let (one, other) = (world.test.pool(4), world.test.pool(4));
    let made = tokio::join!(one.extend(further), other.extend(further));
    let made = made.0.unwrap() + made.1.unwrap();
    let grown = months(&world).await;
    assert_eq!(u64::try_from(grown.len() - since.len()).unwrap(), made);
    assert!(made >= 3, "{grown:?}");
    assert_eq!(world.database.extend(further).await.unwrap(), 0);

    let (customer, product) = (world.customer().await, world.product(10).await);
    let order = world.place(&customer, &[(product, 1)]).await.unwrap();
    let date = order.placed_at.date();
    let month = format!("{:04}_{:02}", date.year(), u8::from(date.month()));
    for table in ["orders", "itens_order"] {
        let there = format!("select count(*) from {table}_{month}");
        assert_eq!(world.count(&there).await, 1);
    }
    move_on(&world, &customer, product).await;
}

/// Whether somebody waits for the whole table of orders.
const IS_WAITED_FOR: &str = "
    select exists (
        select
        from pg_locks
        where relation = 'orders'::regclass
          and mode = 'AccessExclusiveLock'
          and not granted
    )";

/// An order of two units that was delivered, or whatever, at a moment long ago.
async fn old_order(
    world: &World,
    customer: &Customer,
    product: ProductId,
    at: OffsetDateTime,
    status: &str,
) -> OrderId {
    let milliseconds = u128::try_from(at.unix_timestamp()).unwrap() * 1_000;
    let id = Uuid::from_u128((milliseconds << 80) | (World::id().as_u128() & u128::from(u64::MAX)));
    let (customer, product) = (customer.id.as_uuid(), product.as_uuid());
    let seconds = at.unix_timestamp();
    let units = if status == "cancelled" { 0 } else { 2 };
    let place = format!(
        "insert into orders (id, customer_id, data_order, status)
         values ('{id}', '{customer}', to_timestamp({seconds}), '{status}');
         insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
         values (gen_random_uuid(), '{id}', '{product}', 2, 1);
         insert into order_history (order_id, version, status, changed_at)
         values ('{id}', 2, '{status}', to_timestamp({seconds}));
         update stock set quantidade_disponivel = quantidade_disponivel - {units}
         where product_id = '{product}'"
    );
    world
        .test
        .client()
        .await
        .batch_execute(&place)
        .await
        .unwrap();
    OrderId::new(id)
}

/// Detaches what ended eleven months ago, and tells the steps.
async fn detach(world: &World) -> Result<Vec<PartitionStep>, PartitionError> {
    let steps = std::sync::Mutex::new(Vec::new());
    let tell = |step| steps.lock().unwrap().push(step);
    let done = world.database.detach_months(World::now(), 11, tell);
    done.await.map(|()| steps.into_inner().unwrap())
}

#[tokio::test]
async fn a_month_with_an_order_that_is_not_over_stays() {
    let world = World::new().await;
    partition(&world.database).await;
    let (customer, product) = (world.customer().await, world.product(100).await);
    let long_ago = World::now() - Duration::days(395);
    let open = old_order(&world, &customer, product, long_ago, "shipped").await;
    let refused = detach(&world).await;
    assert!(
        matches!(&refused, Err(PartitionError::Unfinished { orders: 1, .. })),
        "{refused:?}"
    );
    assert!(world.orders.find(open).await.unwrap().is_some());
    assert_eq!(world.books().await.discrepancies(), []);
}

#[tokio::test]
async fn old_months_become_tables_of_their_own_and_the_books_balance() {
    let world = World::new().await;
    partition(&world.database).await;
    let (customer, product) = (world.customer().await, world.product(100).await);
    let long_ago = World::now() - Duration::days(395);
    let mut old = Vec::new();
    for (days, status) in [(100, "delivered"), (0, "delivered"), (0, "cancelled")] {
        let at = long_ago - Duration::days(days);
        old.push(old_order(&world, &customer, product, at, status).await);
    }
    let recent = world.place(&customer, &[(product, 1)]).await.unwrap();
    assert_eq!(world.books().await.discrepancies(), []);

    let steps = detach(&world).await.unwrap();
    let PartitionStep::Detached { tables, orders } = &steps[0] else {
        panic!("{steps:?}");
    };
    assert_eq!((tables.len(), *orders), (3, 3));
    for id in old {
        assert_eq!(world.orders.find(id).await.unwrap(), None);
    }
    let kept = format!("select count(*) from {}", tables[2]);
    assert_eq!(world.count(&kept).await, 3);
    assert!(world.orders.find(recent.id).await.unwrap().is_some());
    let books = world.books().await.discrepancies();
    assert_eq!(books, [], "what was sold is told as a sum");
    let page = PageRequest {
        limit: Limit::TWENTY,
        after: None,
        freshness: Freshness::Latest,
    };
    let ledger = world.stock.ledger(product, &page).await.unwrap();
    assert!(
        ledger.items.iter().any(|entry| entry.delta == -4),
        "{ledger:?}"
    );
    move_on(&world, &customer, product).await;
}

#[tokio::test]
async fn orders_go_on_while_an_old_month_waits_to_be_detached() {
    let world = Arc::new(World::new().await);
    partition(&world.database).await;
    let (customer, product) = (world.customer().await, world.product(100).await);
    let long_ago = World::now() - Duration::days(395);
    let old = old_order(&world, &customer, product, long_ago, "delivered").await;
    let reader = world.test.client().await;
    let read = "begin; select count(*) from orders";
    reader.batch_execute(read).await.unwrap();
    let detaching = tokio::spawn({
        let world = Arc::clone(&world);
        async move { detach(&world).await }
    });
    let looker = world.test.client().await;
    eventually("it waits for who reads", || async {
        looker.query_one(IS_WAITED_FOR, &[]).await.unwrap().get(0)
    })
    .await;

    let (service, staff) = (world.order_service(), World::staff());
    for status in [OrderStatus::Paid, OrderStatus::Cancelled] {
        let order = world.place(&customer, &[(product, 1)]).await.unwrap();
        // The lock is asked for again and again, and whoever meets it may be told to come back.
        let go_on = || service.transition(&staff, order.id, status.into(), &Expected::Any);
        let mut tries = 1;
        while let Err(refused) = go_on().await {
            assert!(tries < 10, "{refused}");
            tries += 1;
        }
    }
    assert!(!detaching.is_finished());
    reader.batch_execute("commit").await.unwrap();
    let _ = detaching.await.unwrap().unwrap();
    assert_eq!(world.orders.find(old).await.unwrap(), None);
    assert_eq!(world.books().await.discrepancies(), []);
}
