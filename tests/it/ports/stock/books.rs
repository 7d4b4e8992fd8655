//! The stock of every product is the sum of its ledger.

use domain::{
    catalog::ProductId,
    customers::Customer,
    orders::{Order, OrderStatus},
    stock::{Discrepancy, LedgerEntry, MovementReason, StockError},
    values::Expected,
};
use integration_tests::World;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use super::{counted, movement, page};

/// How many products there are.
const PRODUCTS: usize = 3;

/// What happens to a shop.
#[derive(Debug, Clone)]
enum Event {
    /// Somebody orders so many of two products, which may be the same.
    Order([(usize, i64); 2]),
    /// An order is cancelled, if it may be.
    Cancel(usize),
    /// Units come or go.
    Move(usize, i64, MovementReason),
    Count(usize, i64),
}

fn event() -> impl Strategy<Value = Event> {
    let line = || (0..PRODUCTS, 1..=4_i64);
    let delta = (-6..=6_i64).prop_filter("nothing moves", |delta| *delta != 0);
    let reason = prop::sample::select(&MovementReason::ALL[..]);
    prop_oneof![
        4 => [line(), line()].prop_map(Event::Order),
        2 => (0..8_usize).prop_map(Event::Cancel),
        3 => (0..PRODUCTS, delta, reason).prop_map(|(n, delta, why)| Event::Move(n, delta, why)),
        1 => (0..PRODUCTS, 0..=9_i64).prop_map(|(n, units)| Event::Count(n, units)),
    ]
}

/// A shop with some products, and what was ordered there.
struct Life<'a> {
    world: &'a World,
    customer: Customer,
    products: Vec<ProductId>,
    orders: Vec<Order>,
}

impl<'a> Life<'a> {
    async fn of(world: &'a World) -> Self {
        let mut products = Vec::new();
        for units in 0..PRODUCTS {
            products.push(world.product(i64::try_from(units).unwrap() * 5).await);
        }
        Self {
            world,
            customer: world.customer().await,
            products,
            orders: Vec::new(),
        }
    }

    async fn happen(&mut self, event: Event) {
        let (world, staff) = (self.world, World::staff());
        match event {
            Event::Order(lines) => {
                let lines = lines.map(|(product, units)| (self.products[product], units));
                // One that is refused places nothing.
                self.orders
                    .extend(world.place(&self.customer, &lines).await.ok());
            }
            Event::Cancel(n) => {
                if let Some(order) = self.orders.get(n) {
                    let orders = world.order_service();
                    let to = OrderStatus::Cancelled.into();
                    let done = orders.transition(&staff, order.id, to, &Expected::Any);
                    assert_eq!(done.await.unwrap().status, OrderStatus::Cancelled);
                }
            }
            Event::Move(product, delta, reason) => {
                let moved = movement(delta, reason);
                let service = world.stock_service();
                let moved = service
                    .record(&staff, self.products[product], moved, None)
                    .await;
                assert!(matches!(
                    moved,
                    Ok(_) | Err(StockError::Insufficient { .. })
                ));
            }
            Event::Count(product, units) => {
                let service = world.stock_service();
                let product = self.products[product];
                service
                    .count(&staff, product, counted(units))
                    .await
                    .unwrap();
            }
        }
    }

    /// Each balance of a ledger is the one before it and the change, and the last one is what there
    /// is.
    async fn balances_add_up(&self) {
        for product in &self.products {
            let service = self.world.stock_service();
            let (staff, first) = (World::staff(), page(100, None));
            let ledger = service.ledger(&staff, *product, &first).await;
            let ledger: Vec<LedgerEntry> = ledger.unwrap().items;
            let mut balance = 0;
            for entry in ledger.iter().rev() {
                balance += entry.delta;
                assert_eq!(entry.balance, balance, "{ledger:?}");
                assert!(balance >= 0, "{ledger:?}");
            }
            assert_eq!(balance, self.world.available(*product).await);
        }
    }
}

#[tokio::test]
async fn whatever_happens_the_stock_is_the_sum_of_the_ledger() {
    let world = World::new().await;
    let mut runner = TestRunner::new(Config::default());
    let events = prop::collection::vec(event(), 1..25);
    for _ in 0..24 {
        let events = events.new_tree(&mut runner).unwrap().current();
        let mut life = Life::of(&world).await;
        for event in events.clone() {
            life.happen(event).await;
        }
        let found = world.books().await.discrepancies();
        assert_eq!(found, [], "after {events:?}");
        life.balances_add_up().await;
    }
}

#[tokio::test]
async fn exactly_the_products_whose_rows_were_tampered_with_are_found() {
    let world = World::new().await;
    let mut life = Life::of(&world).await;
    life.happen(Event::Order([(1, 2), (2, 3)])).await;
    life.happen(Event::Move(0, 4, MovementReason::Receipt))
        .await;
    let [first, second, third] = life.products[..] else {
        panic!("three products");
    };
    let client = world.test.client().await;
    let tamper = async |statement: &str, product: ProductId| {
        let changed = client.execute(statement, &[&product.as_uuid()]).await;
        assert_eq!(changed.unwrap(), 1);
    };
    let found = async || world.books().await.discrepancies();
    assert_eq!(found().await, []);
    let differ = |product_id, stock, ledger| Discrepancy {
        product_id,
        stock,
        ledger,
    };

    let shelf = "
        update stock
        set quantidade_disponivel = quantidade_disponivel + 1
        where product_id = $1";
    tamper(shelf, third).await;
    let third = differ(third, 8, 7);
    assert_eq!(found().await, [third]);
    let movement = "
        update stock_movements
        set delta = 3
        where product_id = $1 and reason = 'receipt'";
    tamper(movement, first).await;
    let first = differ(first, 4, 3);
    assert_eq!(found().await, [first, third]);
    let item = "
        update itens_order
        set quantidade = 1
        where product_id = $1";
    tamper(item, second).await;
    assert_eq!(found().await, [first, differ(second, 3, 4), third]);
}
