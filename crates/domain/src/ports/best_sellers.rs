//! What sells best.

use async_trait::async_trait;
use time::Date;

use crate::{BestSeller, StorageError};

/// Reckons what sells best.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait BestSellersReport: Send + Sync {
    /// The `limit` products of which most units were ordered on `first_day` (UTC) or later, most
    /// first, cancelled orders not counted. Products that sold the same come in id order. A
    /// report that nobody waits for any more MUST NOT go on.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn since(&self, first_day: Date, limit: u16) -> Result<Vec<BestSeller>, StorageError>;
}
