//! The API over HTTP.

mod access;
mod auth;
mod coherence;
mod connections;
mod customers;
mod degraded;
mod desk;
mod foreign;
mod idempotency;
mod isolation;
mod migrating;
mod orders;
mod problems;
mod products;
