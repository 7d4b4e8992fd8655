//! The demonstration: a Brazilian coffee shop, its regulars, and what they bought in the last
//! sixty days. It is the same every time, apart from the dates, and it is made by the domain's own
//! rules: prices, stock and statuses are such as the API would have left them.

mod catalogue;
mod people;

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicU64, Ordering},
};

use adapters_postgres::Demo;
use domain::{
    AccountId, Customer, CustomerId, Description, Email, Move, Name, NewOrder, Order, OrderLine,
    OrderStatus, Price, Principal, Product, ProductId, Quantity, Stock, StockId, StockLevel,
    Version,
    placement::{Offer, Request, State, decide},
    ports::IdSource,
};
use fastrand::Rng;
use time::{Duration, OffsetDateTime};
use uuid::{Builder, Uuid};

use catalogue::CATALOGUE;
use people::PEOPLE;

/// A demonstration that cannot be made is a bug in its data.
type Failure = Box<dyn std::error::Error>;

/// Who places the orders: nobody who could log in.
const SHOP: AccountId = AccountId::new(Uuid::nil());

const ORDERS: u32 = 200;
const DAYS: u32 = 60;

/// The demonstration as of `now`.
pub(crate) fn coffee_shop(now: OffsetDateTime) -> Result<Demo, Failure> {
    let ids = FixedIds::default();
    let opening = now - Duration::days(i64::from(DAYS) + 30);
    let customers = customers(&ids, opening)?;
    let mut products = products(&ids, opening)?;
    let orders = orders(&ids, &customers, &mut products, now)?;
    Ok(Demo {
        customers,
        products,
        orders,
    })
}

fn customers(ids: &FixedIds, opening: OffsetDateTime) -> Result<Vec<Customer>, Failure> {
    let customer = |&(name, email): &(&str, &str)| {
        Ok(Customer {
            id: CustomerId::new(ids.next_id()),
            name: Name::parse(name)?,
            email: Email::parse(email)?,
            created_at: opening,
            version: Version::FIRST,
        })
    };
    PEOPLE.iter().map(customer).collect()
}

fn products(ids: &FixedIds, opening: OffsetDateTime) -> Result<Vec<(Product, Stock)>, Failure> {
    let product = |&(name, description, price, stock): &(&str, &str, &str, i64)| {
        let product = Product {
            id: ProductId::new(ids.next_id()),
            name: Name::parse(name)?,
            description: Some(Description::parse(description)?),
            price: Price::parse(price)?,
            created_at: opening,
        };
        let stock = Stock {
            id: StockId::new(ids.next_id()),
            product_id: product.id,
            available: StockLevel::parse(stock)?,
        };
        Ok((product, stock))
    };
    CATALOGUE.iter().map(product).collect()
}

/// Places orders from the oldest to the newest, and takes what they keep from stock.
fn orders(
    ids: &FixedIds,
    customers: &[Customer],
    products: &mut [(Product, Stock)],
    now: OffsetDateTime,
) -> Result<Vec<Order>, Failure> {
    let mut random = Rng::with_seed(1727);
    let mut orders = Vec::new();
    for number in 0..ORDERS {
        let age = Duration::days(DAYS.into()) * (ORDERS - number) / ORDERS;
        let placed_at = now - age + Duration::minutes(random.i64(0..400));
        let placed_at = placed_at.min(now - Duration::minutes(5));
        let customer = random.choice(customers).ok_or("there are no customers")?;
        let lines = basket(&mut random, products)?;
        let order = NewOrder::new(customer.id, &lines)?;
        let state = state(customer, products);
        let batch = [Request::new(SHOP, order)];
        let plan = decide(state, &batch, placed_at, ids);
        let placed = plan.accepted().next().ok_or("an order is refused")?;
        let order = moved_on(placed.clone(), age, number)?;
        if order.status != OrderStatus::Cancelled {
            take(products, &order)?;
        }
        orders.push(order);
    }
    Ok(orders)
}

/// One to four products, the first ones of the catalogue more often than the last.
fn basket(rng: &mut Rng, products: &[(Product, Stock)]) -> Result<Vec<OrderLine>, Failure> {
    let mut lines = BTreeMap::new();
    for _ in 0..rng.usize(1..=4) {
        let index = rng
            .usize(0..products.len())
            .min(rng.usize(0..products.len()));
        let (product, _) = products.get(index).ok_or("there are no products")?;
        lines.insert(product.id, Quantity::parse(rng.i64(1..=3))?);
    }
    let line = |(product_id, quantity)| OrderLine {
        product_id,
        quantity,
    };
    Ok(lines.into_iter().map(line).collect())
}

fn state(customer: &Customer, products: &[(Product, Stock)]) -> State {
    let offer = |(product, stock): &(Product, Stock)| {
        let (price, available) = (product.price, stock.available);
        (product.id, Offer { price, available })
    };
    State {
        offers: products.iter().map(offer).collect(),
        customers: [customer.id].into(),
        accounts: [SHOP].into(),
        ..State::default()
    }
}

/// Moves an order as far as one of its age has come; every eleventh is called off.
fn moved_on(mut order: Order, age: Duration, number: u32) -> Result<Order, Failure> {
    use OrderStatus::{Cancelled, Delivered, Paid, Shipped};
    let path: &[OrderStatus] = match age.whole_days() {
        _ if number % 11 == 5 => &[Cancelled],
        0 | 1 => &[],
        2..=4 => &[Paid],
        5..=9 => &[Paid, Shipped],
        _ => &[Paid, Shipped, Delivered],
    };
    for &status in path {
        if let Move::Changed(change) = order.move_to(status, Principal::Staff)? {
            order = change.order;
        }
    }
    Ok(order)
}

fn take(products: &mut [(Product, Stock)], order: &Order) -> Result<(), Failure> {
    let bought: HashMap<_, _> = order
        .items
        .iter()
        .map(|item| (item.product_id, item.quantity))
        .collect();
    for (product, stock) in products {
        if let Some(quantity) = bought.get(&product.id) {
            let left = stock.available.take(*quantity);
            stock.available = left.ok_or("the demonstration sells more than it has")?;
        }
    }
    Ok(())
}

/// UUIDs of version 7 that are the same every time: how a second load knows the first.
#[derive(Default)]
struct FixedIds(AtomicU64);

impl IdSource for FixedIds {
    fn next_id(&self) -> Uuid {
        /// 2026-01-01, in milliseconds since 1970.
        const OPENING: u64 = 1_767_225_600_000;
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut tail = [0; 10];
        for (byte, digit) in tail.iter_mut().skip(2).zip(number.to_be_bytes()) {
            *byte = digit;
        }
        Builder::from_unix_timestamp_millis(OPENING + number, &tail).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_shop_has_orders_in_every_status_over_sixty_days() {
        let now = datetime!(2026-11-23 12:00 UTC);
        let demo = coffee_shop(now).unwrap();
        assert_eq!(demo.products.len(), 40);
        assert_eq!(demo.customers.len(), 20);
        assert_eq!(demo.orders.len(), 200);
        for status in OrderStatus::ALL {
            let count = demo.orders.iter().filter(|o| o.status == status).count();
            assert!(count >= 5, "{count} orders are {status}");
        }
        let oldest = demo
            .orders
            .iter()
            .map(|order| order.placed_at)
            .min()
            .unwrap();
        let newest = demo
            .orders
            .iter()
            .map(|order| order.placed_at)
            .max()
            .unwrap();
        assert!(oldest < now - Duration::days(58) && newest > now - Duration::days(1));
        assert!(newest < now);
    }

    #[test]
    fn it_is_the_same_every_time() {
        let now = datetime!(2026-11-23 12:00 UTC);
        let ids = |demo: Demo| -> Vec<_> { demo.orders.iter().map(|order| order.id).collect() };
        let first = ids(coffee_shop(now).unwrap());
        assert_eq!(first, ids(coffee_shop(now + Duration::days(1)).unwrap()));
        assert!(first.iter().all(|id| id.as_uuid().get_version_num() == 7));
    }
}
