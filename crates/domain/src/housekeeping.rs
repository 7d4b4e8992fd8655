//! Periodic work that no request waits for.

use std::sync::Arc;

use crate::{
    Clock, StorageError, catalog::SalesTotals, idempotency::IdempotencyKey, orders::IdempotencyKeys,
};

/// Removes expired idempotency keys, and gathers recorded sales.
pub struct Housekeeping {
    keys: Arc<dyn IdempotencyKeys>,
    sales: Arc<dyn SalesTotals>,
    clock: Arc<dyn Clock>,
}

/// How many keys are removed at once: few enough that no transaction waits long for the locks.
const AT_ONCE: u32 = 1_000;

impl Housekeeping {
    /// The time of `clock` decides which of the `keys` have expired.
    #[must_use]
    pub fn new(
        keys: Arc<dyn IdempotencyKeys>,
        sales: Arc<dyn SalesTotals>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { keys, sales, clock }
    }

    /// Adds recent sales to the totals from which best sellers are read, and returns how many
    /// placements and cancellations there were.
    ///
    /// # Errors
    ///
    /// When storage fails; nothing is lost.
    pub async fn gather_sales(&self) -> Result<u64, StorageError> {
        self.sales.gather().await
    }

    /// Removes expired keys in small portions, and returns how many there were.
    ///
    /// # Errors
    ///
    /// When storage fails; the keys that were removed until then stay removed.
    pub async fn remove_old_keys(&self) -> Result<u64, StorageError> {
        let moment = self.clock.now() - IdempotencyKey::LIFETIME;
        let mut total = 0;
        loop {
            let removed = self.keys.remove_before(moment, AT_ONCE).await?;
            total += removed;
            if removed < AT_ONCE.into() {
                return Ok(total);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;
    use time::Duration;

    use super::*;
    use crate::{
        catalog::MockSalesTotals,
        fixtures::{clock, now, storage_is_down},
        orders::MockIdempotencyKeys,
    };

    #[tokio::test]
    async fn old_keys_are_removed_a_few_at_a_time_until_none_is_left() {
        let mut sequence = Sequence::new();
        let mut keys = MockIdempotencyKeys::new();
        for removed in [1_000, 1_000, 7] {
            keys.expect_remove_before()
                .withf(|moment, limit| *moment == now() - Duration::hours(24) && *limit == 1_000)
                .times(1)
                .in_sequence(&mut sequence)
                .returning(move |_, _| Ok(removed));
        }
        let housekeeping =
            Housekeeping::new(Arc::new(keys), Arc::new(MockSalesTotals::new()), clock());
        assert_eq!(housekeeping.remove_old_keys().await.unwrap(), 2_007);
    }

    #[tokio::test]
    async fn a_failure_is_returned() {
        let mut keys = MockIdempotencyKeys::new();
        keys.expect_remove_before()
            .returning(|_, _| Err(storage_is_down()));
        let housekeeping =
            Housekeeping::new(Arc::new(keys), Arc::new(MockSalesTotals::new()), clock());
        assert!(housekeeping.remove_old_keys().await.is_err());
    }
}
