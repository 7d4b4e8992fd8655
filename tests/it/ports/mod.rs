//! What the ports promise, kept by what implements them.

mod accounts;
mod best_sellers;
mod caches;
mod customers;
mod orders;
mod placements;
mod products;
mod status_changes;
mod stock;
