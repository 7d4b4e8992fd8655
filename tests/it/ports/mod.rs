//! What the ports promise, kept by what implements them.

mod accounts;
mod best_sellers;
mod caches;
mod catalog;
mod customers;
mod encryption;
mod lists;
mod orders;
mod placing;
mod sessions;
mod stock;
mod transitions;
