//! The keys of requests that may be repeated, after their time. They are written and read through
//! [`super::PlacementStore`], together with what they stand for.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::StorageError;

/// Removes keys.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait IdempotencyKeys: Send + Sync {
    /// Removes keys that are older than `moment`, the oldest first and at most `limit` of them,
    /// and says how many there were.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn remove_before(&self, moment: OffsetDateTime, limit: u32) -> Result<u64, StorageError>;
}
