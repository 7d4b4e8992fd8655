//! The keys that were used lately, in memory, so that none is looked up for every request.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};

use super::{ApiKeyId, ApiKeyRepository, ApiKeySecret, OwnedApiKey};
use crate::{
    Clock, StorageError,
    identity::{
        AuthenticationError, Caller, LiveCredentials, TokenHash, TokenRefused, recent::Recent,
        sessions::Reading,
    },
};

/// Authenticates keys. A key that was looked up is known for a minute, unless it is revoked.
pub struct KnownApiKeys {
    keys: Arc<dyn ApiKeyRepository>,
    live: Arc<LiveCredentials>,
    clock: Arc<dyn Clock>,
    known: Mutex<Recent<Known>>,
    /// The uses that storage has not noted yet.
    uses: Mutex<HashMap<ApiKeyId, OffsetDateTime>>,
}

#[derive(Clone)]
struct Known {
    owned: Arc<OwnedApiKey>,
    looked_up_at: OffsetDateTime,
    /// The reading of revocations after which it was looked up.
    reading: Reading,
}

/// How long a key is known before it is looked up again.
const KNOWN_FOR: Duration = Duration::MINUTE;

/// The most keys that are known.
const MAX_KNOWN: usize = 10_000;

impl KnownApiKeys {
    /// Knows no key yet.
    #[must_use]
    pub fn new(
        keys: Arc<dyn ApiKeyRepository>,
        live: Arc<LiveCredentials>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            keys,
            live,
            clock,
            known: Mutex::new(Recent::new(KNOWN_FOR, MAX_KNOWN)),
            uses: Mutex::default(),
        }
    }

    /// Whether this key need not be looked up.
    pub(in crate::identity) fn knows(&self, secret: &ApiKeySecret) -> bool {
        self.recall(&secret.hash(), self.clock.now()).is_some()
    }

    /// The caller that shows this key.
    pub(in crate::identity) async fn caller(
        &self,
        secret: &ApiKeySecret,
    ) -> Result<Caller, AuthenticationError> {
        let now = self.clock.now();
        let hash = secret.hash();
        let owned = match self.recall(&hash, now) {
            Some(owned) => owned,
            None => self.look_up(&hash, now).await?,
        };
        let caller = owned.caller(now)?;
        self.note_use(&owned, now);
        Ok(caller)
    }

    /// Tells storage the hours in which keys were last used.
    ///
    /// # Errors
    ///
    /// When storage fails: it is told the next time.
    pub async fn record_uses(&self) -> Result<(), StorageError> {
        let uses = mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() {
            return Ok(());
        }
        let told: Vec<_> = uses.iter().map(|(id, hour)| (*id, *hour)).collect();
        let recorded = self.keys.record_uses(&told).await;
        if recorded.is_err() {
            let mut since = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, hour) in uses {
                since.entry(id).or_insert(hour);
            }
        }
        recorded
    }

    async fn look_up(
        &self,
        hash: &TokenHash,
        now: OffsetDateTime,
    ) -> Result<Arc<OwnedApiKey>, AuthenticationError> {
        let reading = self.live.reading();
        let found = self.keys.find_by_secret(hash).await?;
        let owned = Arc::new(found.ok_or(TokenRefused::Invalid)?);
        if let Some(reading) = reading {
            let known = Known {
                owned: Arc::clone(&owned),
                looked_up_at: now,
                reading,
            };
            let mut recent = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            recent.rotate(now);
            recent.now().insert(hash.short(), known);
        }
        Ok(owned)
    }

    fn recall(&self, hash: &TokenHash, now: OffsetDateTime) -> Option<Arc<OwnedApiKey>> {
        let known = {
            let mut recent = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            recent.rotate(now);
            let key = hash.short();
            let known = recent.now().get(&key).cloned();
            known.or_else(|| recent.before().get(&key).cloned())?
        };
        let age = now - known.looked_up_at;
        let is_it = known.owned.key.secret == *hash
            && !age.is_negative()
            && age < KNOWN_FOR
            && self.live.holds(known.owned.key.id.as_uuid(), known.reading);
        is_it.then_some(known.owned)
    }

    fn note_use(&self, owned: &OwnedApiKey, now: OffsetDateTime) {
        let hour = now.truncate_to_hour();
        if owned.key.used_at.is_none_or(|used_at| used_at < hour) {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            uses.insert(owned.key.id, hour);
        }
    }
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;
    use uuid::Uuid;

    use super::{super::key::tests::owned, *};
    use crate::{
        fixtures::{clock, now, storage_is_down},
        identity::{MockApiKeyRepository, MockRevocations, Revoked, RevokedUpTo},
    };

    fn secret() -> ApiKeySecret {
        ApiKeySecret::new([[1; 16]; 2])
    }

    /// Hears these revocations, one list a reading.
    fn hearing(news: Vec<Vec<Uuid>>) -> Arc<LiveCredentials> {
        let mut revocations = MockRevocations::new();
        let mut news = news.into_iter();
        revocations.expect_since().returning(move |_| {
            Ok(Revoked {
                ids: news.next().unwrap_or_default(),
                up_to: RevokedUpTo(1),
            })
        });
        Arc::new(LiveCredentials::new(Arc::new(revocations), clock()))
    }

    /// A storage in which the key is looked up this often.
    fn asked(times: usize) -> MockApiKeyRepository {
        let mut keys = MockApiKeyRepository::new();
        keys.expect_find_by_secret()
            .times(times)
            .returning(|_| Ok(Some(owned(&secret()))));
        keys
    }

    #[tokio::test]
    async fn a_key_is_looked_up_once_until_it_is_revoked() {
        let id = owned(&secret()).key.id.as_uuid();
        let live = hearing(vec![vec![], vec![id]]);
        let keys = KnownApiKeys::new(Arc::new(asked(2)), Arc::clone(&live), clock());
        live.listen().await.unwrap();
        for _ in 0..3 {
            keys.caller(&secret()).await.unwrap();
        }
        live.listen().await.unwrap();
        for _ in 0..3 {
            keys.caller(&secret()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn while_nothing_is_heard_a_key_is_looked_up_each_time() {
        let keys = KnownApiKeys::new(Arc::new(asked(3)), hearing(vec![]), clock());
        for _ in 0..3 {
            keys.caller(&secret()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_key_that_is_none_is_refused_and_a_failure_is_not_taken_for_that() {
        let mut keys = MockApiKeyRepository::new();
        let mut sequence = Sequence::new();
        keys.expect_find_by_secret()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_| Ok(None));
        keys.expect_find_by_secret()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_| Err(storage_is_down()));
        let keys = KnownApiKeys::new(Arc::new(keys), hearing(vec![]), clock());
        let refused = keys.caller(&secret()).await;
        assert!(matches!(refused, Err(AuthenticationError::Refused(_))));
        let failed = keys.caller(&secret()).await;
        assert!(matches!(failed, Err(AuthenticationError::Storage(_))));
    }

    #[tokio::test]
    async fn the_hour_of_a_use_is_told_once_and_again_when_that_failed() {
        let mut keys = asked(1);
        let mut sequence = Sequence::new();
        for is_up in [false, true] {
            keys.expect_record_uses()
                .withf(|uses| {
                    let (_, hour) = uses[0];
                    uses.len() == 1 && hour == now().truncate_to_hour()
                })
                .times(1)
                .in_sequence(&mut sequence)
                .returning(move |_| {
                    if is_up {
                        Ok(())
                    } else {
                        Err(storage_is_down())
                    }
                });
        }
        let keys = KnownApiKeys::new(Arc::new(keys), hearing(vec![]), clock());
        keys.caller(&secret()).await.unwrap();
        assert!(keys.record_uses().await.is_err());
        for _ in 0..2 {
            keys.record_uses().await.unwrap();
        }
    }
}
