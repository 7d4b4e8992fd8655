//! The rules of an order desk, and nothing else: entities and values, the pure decisions, the
//! ports to the outside, and the use cases that join them.
//!
//! This crate knows no database, no HTTP, no Redis, no JSON and no runtime. A module is a noun of
//! the shop, with its entities, its ports and its service (one public method for each thing that
//! a caller can do); beside the nouns stand what they share: [`values`], the [`cache`] and
//! [`unit_of_work`] ports, and the mechanisms of `concurrency`. Everything that reaches outside
//! goes through a trait, and every use case is tested against mocks of these.
//!
//! # The rules of a port
//!
//! - A look-up returns `Result<Option<T>, StorageError>`: not found is an answer, not an error.
//! - Time and randomness are parameters: they come through [`Clock`] and [`IdSource`].
//! - A unit of work locks when it is opened and writes when it is committed. One that is dropped
//!   without either `commit` or `abandon` MUST leave neither a lock nor an open transaction.
//! - A cache cannot fail: what it cannot answer is a miss, what it cannot keep is forgotten. It
//!   MUST keep the newer of two versions, whatever the order in which they arrive.
//! - What decides about security (tokens, passwords) can fail, and fails closed.

pub mod cache;
pub mod catalog;
mod clock;
mod concurrency;
pub mod customers;
mod error;
mod housekeeping;
pub mod identity;
mod ids;
pub mod orders;
pub mod stock;
pub mod unit_of_work;
pub mod values;

pub use clock::Clock;
pub use error::StorageError;
pub use housekeeping::Housekeeping;
pub use ids::IdSource;

#[cfg(test)]
mod fixtures;
