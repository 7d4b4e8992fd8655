//! Periodic work that no request waits for.

use std::sync::Arc;

use time::Duration;

use crate::{
    Clock, StorageError,
    catalog::SalesTotals,
    idempotency::IdempotencyKey,
    identity::SessionRepository,
    orders::{IdempotencyKeys, OrderMonths},
};

/// Removes expired idempotency keys and sessions, gathers recorded sales, and makes room for months ahead.
pub struct Housekeeping {
    keys: Arc<dyn IdempotencyKeys>,
    sessions: Arc<dyn SessionRepository>,
    sales: Arc<dyn SalesTotals>,
    months: Arc<dyn OrderMonths>,
    clock: Arc<dyn Clock>,
}

/// How long revocations are told: longer than any access token is valid.
const REVOCATIONS_TOLD: Duration = Duration::days(2);

/// How many keys or sessions are removed at once: few enough that no transaction waits long for the locks.
const AT_ONCE: u32 = 1_000;

impl Housekeeping {
    /// For how far ahead there is room for orders, where they are kept month by month: time enough to notice that
    /// nobody makes more.
    pub const ROOM_AHEAD: Duration = Duration::days(92);

    /// The time of `clock` decides which of the `keys` and `sessions` have expired.
    #[must_use]
    pub fn new(
        keys: Arc<dyn IdempotencyKeys>,
        sessions: Arc<dyn SessionRepository>,
        sales: Arc<dyn SalesTotals>,
        months: Arc<dyn OrderMonths>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            keys,
            sessions,
            sales,
            months,
            clock,
        }
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

    /// Makes room for the orders of the months ahead, and returns for how many there was none.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn make_months(&self) -> Result<u64, StorageError> {
        self.months
            .extend(self.clock.now() + Self::ROOM_AHEAD)
            .await
    }

    /// Removes expired keys in small portions, and returns how many there were.
    ///
    /// # Errors
    ///
    /// When storage fails; the keys that were removed until then stay removed.
    pub async fn remove_old_keys(&self) -> Result<u64, StorageError> {
        let moment = self.clock.now() - IdempotencyKey::LIFETIME;
        in_portions(|| self.keys.remove_before(moment, AT_ONCE)).await
    }

    /// Removes expired sessions in small portions, and returns how many there were.
    ///
    /// # Errors
    ///
    /// When storage fails; the sessions that were removed until then stay removed.
    pub async fn remove_expired_sessions(&self) -> Result<u64, StorageError> {
        let now = self.clock.now();
        let forgotten = now - REVOCATIONS_TOLD;
        in_portions(|| self.sessions.remove_expired(now, forgotten, AT_ONCE)).await
    }
}

/// Removes portions until one is not full, and returns how much there was.
async fn in_portions<F>(remove: impl Fn() -> F) -> Result<u64, StorageError>
where
    F: Future<Output = Result<u64, StorageError>>,
{
    let mut total = 0;
    loop {
        let removed = remove().await?;
        total += removed;
        if removed < AT_ONCE.into() {
            return Ok(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;

    use super::*;
    use crate::{
        catalog::MockSalesTotals,
        fixtures::{clock, now, storage_is_down},
        identity::MockSessionRepository,
        orders::{MockIdempotencyKeys, MockOrderMonths},
    };

    fn removing(keys: MockIdempotencyKeys, sessions: MockSessionRepository) -> Housekeeping {
        Housekeeping::new(
            Arc::new(keys),
            Arc::new(sessions),
            Arc::new(MockSalesTotals::new()),
            Arc::new(MockOrderMonths::new()),
            clock(),
        )
    }

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
        let housekeeping = removing(keys, MockSessionRepository::new());
        assert_eq!(housekeeping.remove_old_keys().await.unwrap(), 2_007);
    }

    #[tokio::test]
    async fn what_was_revoked_is_told_for_longer_than_a_token_may_be_valid() {
        let mut sessions = MockSessionRepository::new();
        sessions
            .expect_remove_expired()
            .withf(|expired, forgotten, _| {
                *expired == now() && *forgotten <= now() - Duration::days(1)
            })
            .times(1)
            .returning(|_, _, _| Ok(3));
        let housekeeping = removing(MockIdempotencyKeys::new(), sessions);
        assert_eq!(housekeeping.remove_expired_sessions().await.unwrap(), 3);
    }

    #[tokio::test]
    async fn room_is_made_for_months_ahead() {
        let mut months = MockOrderMonths::new();
        months
            .expect_extend()
            .withf(|until| *until == now() + Duration::days(92))
            .times(1)
            .returning(|_| Ok(2));
        let housekeeping = Housekeeping {
            months: Arc::new(months),
            ..removing(MockIdempotencyKeys::new(), MockSessionRepository::new())
        };
        assert_eq!(housekeeping.make_months().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_failure_is_returned() {
        let mut keys = MockIdempotencyKeys::new();
        keys.expect_remove_before()
            .returning(|_, _| Err(storage_is_down()));
        let housekeeping = removing(keys, MockSessionRepository::new());
        assert!(housekeeping.remove_old_keys().await.is_err());
    }
}
