//! What sells best.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::{BestSeller, StorageError};

/// Reckons what sells best.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait BestSellersReport: Send + Sync {
    /// The `limit` products of which most units were ordered at `since` or later, most first,
    /// cancelled orders not counted. Products that sold the same come in id order.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn since(
        &self,
        since: OffsetDateTime,
        limit: u16,
    ) -> Result<Vec<BestSeller>, StorageError>;
}
