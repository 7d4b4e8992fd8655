//! The port of API keys.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{ApiKey, ApiKeyId, OwnedApiKey};
use crate::{
    StorageError,
    identity::{AccountId, Actor, TokenHash},
    values::{Page, PageRequest},
};

/// Stores API keys. When a key is removed, with its account too, or its account gets another role, or
/// is disabled or enabled, storage MUST tell it to [`crate::identity::Revocations`].
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait ApiKeyRepository: Send + Sync {
    /// Inserts a key, unless its account is no longer there, or disabled: then it returns `false`.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn insert(&self, key: &ApiKey, by: &Actor) -> Result<bool, StorageError>;

    /// The key with this secret, and its owner.
    ///
    /// # Errors
    ///
    /// When storage fails: the caller MUST NOT take that for "no such key".
    async fn find_by_secret(&self, secret: &TokenHash)
    -> Result<Option<OwnedApiKey>, StorageError>;

    /// The key of this account with this id.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, of: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>, StorageError>;

    /// A page of the keys of this account, the latest first.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn page(&self, of: AccountId, page: &PageRequest) -> Result<Page<ApiKey>, StorageError>;

    /// Removes this key of this actor's account, and returns whether it was there.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn remove(
        &self,
        by: &Actor,
        id: ApiKeyId,
        now: OffsetDateTime,
    ) -> Result<bool, StorageError>;

    /// Notes the hours in which keys were last used; a later one that was noted before stays.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn record_uses(&self, uses: &[(ApiKeyId, OffsetDateTime)]) -> Result<(), StorageError>;
}
