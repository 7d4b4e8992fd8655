//! The ports of [`domain`] that PostgreSQL serves: one file a port, its SQL beside the function
//! that runs it. Nothing is decided here; rows become entities in one place an entity.

mod accounts;
mod best_sellers;
mod customers;
mod database;
mod demo;
mod error;
mod idempotency_keys;
mod migrations;
mod orders;
mod placements;
mod product_reads;
mod products;
mod sales;
mod statements;
mod status_changes;
mod stock;
mod transaction;

pub use database::{Database, DatabaseSettings, InvalidDatabaseUrl};
pub use demo::Demo;
pub use error::MAPPED_CONSTRAINTS;
pub use migrations::MigrationError;
