//! Fixtures of this crate's unit tests: fixed time, counted ids, small entities.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, pending},
};
use time::{Duration, OffsetDateTime, macros::datetime};
use uuid::Uuid;

use crate::{
    Clock, IdSource, StorageError, Timer,
    catalog::{BestSeller, Product, ProductId},
    customers::{Customer, CustomerId},
    idempotency::{IdempotencyKey, ScopedKey},
    identity::{
        Account, AccountId, Actor, Caller, ClientAddress, Device, LiveCredentials, MockRevocations,
        Origin, PasswordHash, Principal, Revoked, RevokedUpTo, Role, SessionId,
    },
    orders::{
        NewOrder, Order, OrderId, OrderItem, OrderItemId, OrderLine, OrderStatus,
        placement::{Offer, Request, State},
    },
    stock::StockLevel,
    values::{Description, Email, Name, Price, Quantity, Version},
};

/// Ids 1, 2, 3 and so on.
#[derive(Default)]
pub(crate) struct CountingIds(AtomicU64);

impl IdSource for CountingIds {
    fn next_id(&self) -> Uuid {
        Uuid::from_u128((self.0.fetch_add(1, Ordering::Relaxed) + 1).into())
    }
}

pub(crate) fn ids() -> Arc<dyn IdSource> {
    Arc::new(CountingIds::default())
}

pub(crate) fn now() -> OffsetDateTime {
    datetime!(2026-11-23 12:00:00.123456 UTC)
}

/// A clock that stands still.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> OffsetDateTime {
        now()
    }
}

impl Timer for StoppedClock {
    fn sleep(&self, _: std::time::Duration) -> BoxFuture<'static, ()> {
        pending().boxed()
    }
}

/// A clock that the test moves.
#[derive(Default)]
pub(crate) struct MovingClock(pub(crate) Mutex<Duration>);

impl Clock for MovingClock {
    fn now(&self) -> OffsetDateTime {
        now() + *self.0.lock().unwrap()
    }
}

pub(crate) fn clock() -> Arc<dyn Timer> {
    Arc::new(StoppedClock)
}

pub(crate) fn account_id(n: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(n))
}

pub(crate) fn customer_id(n: u128) -> CustomerId {
    CustomerId::new(Uuid::from_u128(n))
}

pub(crate) fn product_id(n: u128) -> ProductId {
    ProductId::new(Uuid::from_u128(n))
}

pub(crate) fn order_id(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text).unwrap()
}

/// The price of product `n` in these tests: `n`.90.
pub(crate) fn price_of(n: u128) -> Price {
    price(&format!("{n}.90"))
}

pub(crate) fn line(product: u128, units: i64) -> OrderLine {
    OrderLine {
        product_id: product_id(product),
        quantity: Quantity::parse(units).unwrap(),
    }
}

pub(crate) fn new_order(customer: u128, lines: &[(u128, i64)]) -> NewOrder {
    let lines: Vec<_> = lines.iter().map(|&(p, units)| line(p, units)).collect();
    NewOrder::new(customer_id(customer), &lines).unwrap()
}

/// Account `n`, which is of the shop.
pub(crate) fn actor(n: u128) -> Actor {
    Actor::new(account_id(n), Role::Staff, None)
}

/// A request of account 1.
pub(crate) fn request(customer: u128, lines: &[(u128, i64)]) -> Request {
    Request::new(actor(1), new_order(customer, lines))
}

/// A request of account 1 under this key.
pub(crate) fn keyed(key: &str, order: NewOrder) -> Request {
    Request::new(actor(1), order).under(scoped(key).key)
}

/// This key of account 1.
pub(crate) fn scoped(key: &str) -> ScopedKey {
    ScopedKey {
        account_id: account_id(1),
        key: IdempotencyKey::parse(key).unwrap(),
    }
}

/// A locked state: account 1, products with their stock, and customers.
pub(crate) fn state(stock: &[(u128, i64)], customers: &[u128]) -> State {
    let offer = |&(id, level): &(u128, i64)| {
        let offer = Offer {
            price: price_of(id),
            available: StockLevel::parse(level).unwrap(),
        };
        (product_id(id), offer)
    };
    State {
        offers: stock.iter().map(offer).collect(),
        customers: customers.iter().copied().map(customer_id).collect(),
        accounts: [account_id(1)].into(),
        ..State::default()
    }
}

/// Order 1 of customer 1: two items.
pub(crate) fn order(status: OrderStatus) -> Order {
    let item = |n: u128, units: i64| OrderItem {
        id: OrderItemId::new(Uuid::from_u128(n)),
        product_id: product_id(n),
        quantity: Quantity::parse(units).unwrap(),
        unit_price: price_of(n),
    };
    Order {
        id: order_id(1),
        customer_id: customer_id(1),
        placed_at: now(),
        status,
        items: vec![item(1, 2), item(2, 3)],
        version: Version::FIRST,
    }
}

pub(crate) fn a_product(n: u128) -> Product {
    Product {
        id: product_id(n),
        name: name("Café"),
        description: Some(Description::parse("Em grãos.").unwrap()),
        price: price_of(n),
        sku: None,
        created_at: now(),
        retired_at: None,
        version: Version::FIRST,
    }
}

pub(crate) fn a_customer(n: u128) -> Customer {
    Customer {
        id: customer_id(n),
        name: name("Ana Souza"),
        email: email("ana@example.com"),
        created_at: now(),
        version: Version::FIRST,
    }
}

pub(crate) fn account(principal: Principal) -> Account {
    Account {
        id: account_id(1),
        email: email("ana@example.com"),
        password_hash: PasswordHash::new("hashed".to_owned()),
        principal,
        created_at: now(),
        disabled_at: None,
        version: Version::FIRST,
    }
}

pub(crate) fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        address: ClientAddress::LOCAL,
        request_id: "of a test".to_owned(),
    })
}

pub(crate) fn device() -> Device {
    Device {
        address: ClientAddress::LOCAL,
        user_agent: None,
    }
}

/// Sessions of which none has ended.
pub(crate) fn live_credentials() -> Arc<LiveCredentials> {
    let mut revocations = MockRevocations::new();
    revocations.expect_since().returning(|_| {
        Ok(Revoked {
            ids: Vec::new(),
            up_to: RevokedUpTo(1),
        })
    });
    Arc::new(LiveCredentials::new(Arc::new(revocations), clock()))
}

pub(crate) fn caller(principal: Principal) -> Caller {
    Caller::new(account_id(1), principal)
}

/// Account 1, in session 7.
pub(crate) fn logged_in(principal: Principal) -> Caller {
    Caller::in_session(account_id(1), principal, SessionId::new(Uuid::from_u128(7)))
}

/// Customer `n`, logged in.
pub(crate) fn own_caller(n: u128) -> Caller {
    caller(Principal::Customer(customer_id(n)))
}

pub(crate) fn best_seller(n: u8) -> BestSeller {
    BestSeller {
        product_id: product_id(n.into()),
        name: name("Café"),
        price: price_of(n.into()),
        sold: 100 - u64::from(n),
    }
}

pub(crate) fn storage_is_down() -> StorageError {
    StorageError::unavailable("the test took it down")
}
