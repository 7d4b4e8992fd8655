//! `PlacementStore`, over PostgreSQL: what it locks and writes, its races and its roll-backs.

mod batches;
mod keys;
mod locks;
mod races;

use domain::{catalog::ProductId, customers::CustomerId, orders::placement::Scope};

fn scope(products: &[ProductId], customers: &[CustomerId]) -> Scope {
    Scope {
        products: products.to_vec(),
        customers: customers.to_vec(),
        accounts: Vec::new(),
        keys: Vec::new(),
    }
}
