//! The API over HTTP.

mod access;
mod auth;
mod bulk;
mod catalog;
mod coherence;
mod connections;
mod creation_keys;
mod customers;
mod degraded;
mod desk;
mod editing;
mod erasing;
mod foreign;
mod history;
mod idempotency;
mod isolation;
mod keys;
mod lists;
mod migrating;
mod orders;
mod problems;
mod racing_edits;
mod racing_erasures;
mod retiring;
mod stock;
mod walks;
