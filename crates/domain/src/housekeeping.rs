//! What is done from time to time, and nobody waits for.

use std::sync::Arc;

use crate::{
    Clock, StorageError,
    catalog::SalesTotals,
    orders::{IdempotencyKey, IdempotencyKeys},
};

/// Removes what is no longer needed, and adds up what was told.
pub struct Housekeeping {
    keys: Arc<dyn IdempotencyKeys>,
    sales: Arc<dyn SalesTotals>,
    clock: Arc<dyn Clock>,
}

/// How many keys are removed at once: few enough that nobody waits for the locks.
const AT_ONCE: u32 = 1_000;

impl Housekeeping {
    /// Looks after `keys` and `sales`.
    #[must_use]
    pub fn new(
        keys: Arc<dyn IdempotencyKeys>,
        sales: Arc<dyn SalesTotals>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { keys, sales, clock }
    }

    /// Gathers what was sold lately into the totals that best sellers are read from, and says how
    /// many placements and cancellations there were.
    ///
    /// # Errors
    ///
    /// What storage fails with; nothing is lost then.
    pub async fn gather_sales(&self) -> Result<u64, StorageError> {
        self.sales.gather().await
    }

    /// Removes the keys whose time is over, a few at a time, and says how many there were.
    ///
    /// # Errors
    ///
    /// What storage fails with; what was removed until then stays removed.
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
    async fn a_failure_is_told() {
        let mut keys = MockIdempotencyKeys::new();
        keys.expect_remove_before()
            .returning(|_, _| Err(storage_is_down()));
        let housekeeping =
            Housekeeping::new(Arc::new(keys), Arc::new(MockSalesTotals::new()), clock());
        assert!(housekeeping.remove_old_keys().await.is_err());
    }
}
