//! The API over HTTP.

mod access;
mod auth;
mod coherence;
mod customers;
mod degraded;
mod orders;
mod problems;
mod products;
