//! The use cases of API keys.

use std::sync::Arc;

use thiserror::Error;

use super::{ApiKey, ApiKeyId, ApiKeyRepository, ApiKeySecret, NewApiKey};
use crate::{
    Clock, IdSource, StorageError,
    identity::{Caller, LiveCredentials, NoSecret, NotLoggedIn, SecretSource},
    values::{Page, PageRequest},
};

/// Makes keys for their owners, lists and removes them.
pub struct ApiKeyService {
    keys: Arc<dyn ApiKeyRepository>,
    live: Arc<LiveCredentials>,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// Why a key was not made, found or removed.
#[derive(Debug, Error)]
pub enum ApiKeyError {
    /// The caller has not logged in.
    #[error(transparent)]
    NotLoggedIn(#[from] NotLoggedIn),
    /// The caller has no such key.
    #[error("there is no such key")]
    NotFound,
    /// The caller's account is gone.
    #[error("the account is gone")]
    AccountGone,
    /// No secret could be made.
    #[error(transparent)]
    Secret(#[from] NoSecret),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ApiKeyService {
    /// Stores keys in `keys`.
    #[must_use]
    pub fn new(
        keys: Arc<dyn ApiKeyRepository>,
        live: Arc<LiveCredentials>,
        secrets: Arc<dyn SecretSource>,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn IdSource>),
    ) -> Self {
        Self {
            keys,
            live,
            secrets,
            clock,
            ids,
        }
    }

    /// Makes a key of the caller, and returns its secret, which nobody can be told again.
    ///
    /// # Errors
    ///
    /// `NotLoggedIn`, `AccountGone`, `Secret`, or `Storage`.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewApiKey,
    ) -> Result<(ApiKey, ApiKeySecret), ApiKeyError> {
        caller.must_be_logged_in()?;
        let secret = ApiKeySecret::new([self.secrets.secret()?, self.secrets.secret()?]);
        let now = self.clock.now();
        let key = ApiKey {
            id: ApiKeyId::new(self.ids.next_id()),
            account_id: caller.account_id,
            name: new.name,
            scopes: new.scopes,
            created_at: now,
            expires_at: now + new.life.duration(),
            used_at: None,
            secret: secret.hash(),
        };
        if !self.keys.insert(&key, &caller.into()).await? {
            return Err(ApiKeyError::AccountGone);
        }
        Ok((key, secret))
    }

    /// A page of the caller's keys, the latest first.
    ///
    /// # Errors
    ///
    /// `NotLoggedIn`, or `Storage`.
    pub async fn list(
        &self,
        caller: &Caller,
        page: &PageRequest,
    ) -> Result<Page<ApiKey>, ApiKeyError> {
        caller.must_be_logged_in()?;
        Ok(self.keys.page(caller.account_id, page).await?)
    }

    /// A key of the caller.
    ///
    /// # Errors
    ///
    /// `NotLoggedIn`, `NotFound`, or `Storage`.
    pub async fn get(&self, caller: &Caller, id: ApiKeyId) -> Result<ApiKey, ApiKeyError> {
        caller.must_be_logged_in()?;
        let found = self.keys.find(caller.account_id, id).await?;
        found.ok_or(ApiKeyError::NotFound)
    }

    /// Removes a key of the caller.
    ///
    /// # Errors
    ///
    /// `NotLoggedIn`, `NotFound`, or `Storage`.
    pub async fn remove(&self, caller: &Caller, id: ApiKeyId) -> Result<(), ApiKeyError> {
        caller.must_be_logged_in()?;
        let was_there = self
            .keys
            .remove(&caller.into(), id, self.clock.now())
            .await?;
        self.live.hear_at_once().await;
        if was_there {
            Ok(())
        } else {
            Err(ApiKeyError::NotFound)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::KeyLife, *};
    use crate::{
        fixtures::{caller, clock, ids, live_credentials, logged_in, name, now},
        identity::{MockApiKeyRepository, MockSecretSource, Permissions, Principal},
    };

    #[tokio::test]
    async fn a_key_is_stored_without_its_secret_and_ends_when_it_should() {
        let mut keys = MockApiKeyRepository::new();
        keys.expect_insert().times(1).returning(|_, _| Ok(true));
        let mut secrets = MockSecretSource::new();
        secrets.expect_secret().returning(|| Ok([7; 16]));
        let (live, secrets) = (live_credentials(), Arc::new(secrets));
        let service = ApiKeyService::new(Arc::new(keys), live, secrets, (clock(), ids()));
        let new = NewApiKey {
            name: name("ERP"),
            scopes: Permissions::of(&[]),
            life: KeyLife::NINETY_DAYS,
        };
        let machine = caller(Principal::Staff);
        let refused = service.create(&machine, new.clone()).await;
        assert!(matches!(refused, Err(ApiKeyError::NotLoggedIn(_))));
        let caller = logged_in(Principal::Staff);
        let (key, secret) = service.create(&caller, new).await.unwrap();
        assert_eq!(key.account_id, caller.account_id);
        assert_eq!(key.expires_at, now() + time::Duration::days(90));
        assert_eq!(key.secret, secret.hash());
        assert_ne!(key.secret.as_bytes(), secret.expose());
    }
}
