//! The cache of customers.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Customer, CustomerId};

/// Keeps customers that were read or written lately.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait CustomerCache: Send + Sync {
    /// The customer, if it is kept. MUST NOT be older than what `put` was last given for it.
    async fn get(&self, id: CustomerId) -> Option<Arc<Customer>>;

    /// Keeps this customer, unless a newer version of it is kept already.
    async fn put(&self, customer: Arc<Customer>);
}
