//! The cache of best-sellers' lists.

use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::BestSeller;

/// A list of best sellers, with the moment for which it is true. Of two lists the later is newer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestSellersList {
    /// When the list was reckoned.
    pub as_of: OffsetDateTime,
    /// The products, most sold first.
    pub items: Vec<BestSeller>,
}

/// Keeps one list for each period. Whether it is new enough, says its moment.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait BestSellersCache: Send + Sync {
    /// The list of the last `days` days, if it is kept.
    async fn get(&self, days: u16) -> Option<Arc<BestSellersList>>;

    /// Keeps a list, unless a newer one is kept already.
    async fn put(&self, days: u16, list: Arc<BestSellersList>);
}
