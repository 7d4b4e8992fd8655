//! The business rules of an order desk: entities and values, pure decisions, ports to the outside,
//! and the use cases that join them.
//!
//! This crate knows no database, no HTTP, no Redis, no JSON and no runtime. There is one module per
//! noun of the shop, with its entities, its ports and its service (one public method per use case).
//! Beside the nouns are the parts they share: [`values`], the [`cache`] and [`unit_of_work`] ports,
//! and the mechanisms of `concurrency`. Everything that reaches outside goes through a trait, and
//! every use case is tested against mocks of these traits.
//!
//! # The rules of a port
//!
//! - A lookup returns `Result<Option<T>, StorageError>`: not found is an answer, not an error.
//! - Time and randomness are parameters: they come through [`Clock`], [`Timer`] and [`IdSource`].
//! - A unit of work locks when it is opened and writes when it is committed. If it is dropped
//!   without `commit` or `abandon`, it MUST leave no lock and no open transaction.
//! - A cache cannot fail: a read that fails is a miss, and a value that cannot be kept is
//!   forgotten. It MUST keep the newer of two versions, in whatever order they arrive.
//! - The ports that decide about security (tokens, passwords) can fail, and fail closed.

pub mod audit;
pub mod bulk;
pub mod cache;
pub mod catalog;
mod clock;
mod concurrency;
pub mod customers;
mod error;
mod housekeeping;
pub mod idempotency;
pub mod identity;
mod ids;
pub mod orders;
pub mod rate_limits;
pub mod stock;
pub mod unit_of_work;
pub mod values;

pub use clock::{Clock, Timer};
pub use error::StorageError;
pub use housekeeping::Housekeeping;
pub use ids::IdSource;

#[cfg(test)]
mod fixtures;
