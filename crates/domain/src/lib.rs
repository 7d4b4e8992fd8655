//! The rules of an order desk, and nothing else: entities and values, the pure decisions, the
//! ports to the outside, and the use cases that join them.
//!
//! This crate knows no database, no HTTP, no Redis, no JSON and no runtime. Everything that
//! reaches outside goes through a trait in [`ports`]; every use case is a method of a struct in
//! [`services`] and can be tested against mocks (`features = ["testing"]`).
//!
//! # The rules of a port
//!
//! - A look-up returns `Result<Option<T>, StorageError>`: not found is an answer, not an error.
//! - Time and randomness are parameters: they come through [`ports::Clock`] and [`ports::IdSource`].
//! - A unit of work locks when it is opened and writes when it is committed. One that is dropped
//!   without either `commit` or `abandon` MUST leave neither a lock nor an open transaction.
//! - A cache cannot fail: what it cannot answer is a miss, what it cannot keep is forgotten. It
//!   MUST keep the newer of two versions, whatever the order in which they arrive.
//! - What decides about security (tokens, passwords) can fail, and fails closed.

mod account;
mod client_address;
mod customer;
mod email;
mod error;
mod id;
mod idempotency;
mod money;
mod order;
pub mod placement;
pub mod ports;
mod product;
pub mod services;
mod stock;
mod text;
mod value;
mod version;

pub use account::{Account, AccountId, Caller, Password, PasswordHash, Principal, Role};
pub use client_address::ClientAddress;
pub use customer::{Customer, CustomerId};
pub use email::Email;
pub use error::StorageError;
pub use idempotency::{Fingerprint, IdempotencyKey, KeyOwner};
pub use money::{Money, Price};
pub use order::{
    Move, MoveLocks, MoveRefused, NewOrder, Order, OrderId, OrderItem, OrderItemId, OrderLine,
    OrderStatus, Quantity, StatusChange,
};
pub use product::{BestSeller, BestSellersQuery, Product, ProductId, StockedProduct};
pub use stock::{Stock, StockId, StockLevel};
pub use text::{Description, Name};
pub use value::{Unit, ValueError};
pub use version::Version;

#[cfg(test)]
mod fixtures;
