//! The ports of [`domain`] that PostgreSQL implements: one adapter per noun, its SQL beside the
//! function that runs it. Nothing is decided here. Rows become entities in one place per entity.

mod advisory_lock;
mod audit;
mod cache_coordination;
mod catalog;
mod connection;
mod creation_keys;
mod customers;
mod database;
mod error;
mod export;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod given_up;
mod identity;
mod list;
mod migrations;
mod orders;
mod partitions;
mod pool;
mod schema;
mod session;
mod standby;
mod statements;
mod stock;
mod tls;
mod transaction;

pub use audit::PgAudit;
pub use cache_coordination::PgCoordination;
pub use catalog::PgCatalog;
pub use customers::PgCustomers;
pub use database::{
    Database, DatabaseSettings, InvalidDatabaseUrl, PoolState, SessionError, StandbySettings,
};
pub use error::MAPPED_CONSTRAINTS;
pub use identity::{PgAccounts, PgApiKeys, PgSessions};
pub use migrations::{MigrationError, embedded_migrations};
pub use orders::PgOrders;
pub use partitions::{PartitionError, PartitionStep};
pub use schema::{InvalidSchema, Schema, SchemaError};
pub use session::{LaxSession, Pooling};
pub use standby::{ReadBy, StandbyState};
pub use stock::PgStock;
pub use tls::InvalidTls;
