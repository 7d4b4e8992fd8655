//! The API over HTTP.

mod access;
mod auth;
mod coherence;
mod customers;
mod degraded;
mod desk;
mod idempotency;
mod orders;
mod problems;
mod products;
