//! The ports of identity: accounts in storage, and tokens.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;
use time::OffsetDateTime;

use super::{
    Account, AccountChange, AccountId, AccountsFilter, Actor, Caller, PasswordHash, TokenHash,
};
use crate::{
    StorageError,
    unit_of_work::Opened,
    values::{Email, Page, PageRequest},
};

/// Stores accounts. A customer's account is inserted with its customer: see
/// [`crate::customers::CustomerRepository`].
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait AccountRepository: Send + Sync {
    /// The account that logs in with `email`, compared without regard to case.
    ///
    /// # Errors
    ///
    /// When storage fails: the caller MUST NOT take that for "no such account".
    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StorageError>;

    /// The costliest password hash of all accounts: one that takes longest to check.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn dearest_hash(&self) -> Result<Option<PasswordHash>, StorageError>;

    /// Replaces the password hash of this account, if it still is `from`.
    ///
    /// # Errors
    ///
    /// When storage fails: the hash is unchanged.
    async fn replace_hash(
        &self,
        id: AccountId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<(), StorageError>;

    /// Inserts a new account.
    ///
    /// # Errors
    ///
    /// `EmailTaken` when an account has that address already, in whatever case; this MUST also hold
    /// when two are inserted at once. `Storage` when storage fails.
    async fn insert(&self, account: &Account, by: &Actor) -> Result<(), InsertAccountError>;

    /// A page of the accounts that the filter describes, the latest first.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn page(
        &self,
        filter: &AccountsFilter,
        page: &PageRequest,
    ) -> Result<Page<Account>, StorageError>;

    /// The account with this id.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StorageError>;
}

/// Changes accounts.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait AccountChanges: Send + Sync {
    /// Locks an account to change it; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn open(
        &self,
        id: AccountId,
    ) -> Result<Option<Opened<Account, AccountChange>>, StorageError>;

    /// Locks an account and all administrators who may log in; `None` when there is no such account.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn open_among_admins(
        &self,
        id: AccountId,
    ) -> Result<Option<Opened<AmongAdmins, AccountChange>>, StorageError>;

    /// Whether a password may be set with this token at `now`.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn may_reset(&self, token: &TokenHash, now: OffsetDateTime)
    -> Result<bool, StorageError>;

    /// Locks the account whose password may be set with this token; `None` when the token is none, or
    /// was used or replaced, or has expired at `now`.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn open_with_reset(
        &self,
        token: &TokenHash,
        now: OffsetDateTime,
    ) -> Result<Option<Opened<Account, AccountChange>>, StorageError>;
}

/// A locked account, beside the administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmongAdmins {
    /// The account.
    pub account: Account,
    /// How many other administrators may log in.
    pub other_admins: usize,
}

/// Why an account was not inserted.
#[derive(Debug, Error)]
pub enum InsertAccountError {
    /// Another account has this address.
    #[error("the email address is taken")]
    EmailTaken,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A newly issued token. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token that the caller presents.
    pub token: String,
    /// How long it is valid from now on.
    pub expires_in: Duration,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Issues access tokens.
#[cfg_attr(test, mockall::automock)]
pub trait TokenIssuer: Send + Sync {
    /// A token that names `caller` and its session, until it expires.
    ///
    /// # Errors
    ///
    /// When the token cannot be made: of a caller without a session, for example.
    fn issue(&self, caller: &Caller) -> Result<AccessToken, TokenNotIssued>;
}

/// Why a token was not issued.
#[derive(Debug, Error)]
#[error("the token could not be made")]
pub struct TokenNotIssued(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Checks access tokens.
#[cfg_attr(test, mockall::automock)]
pub trait TokenVerifier: Send + Sync {
    /// The caller to whom this token was issued. Their session may have ended since.
    ///
    /// # Errors
    ///
    /// `Expired` for an expired token of ours; `Invalid` for everything that is not a token of
    /// ours, whatever its form.
    fn verify(&self, token: &str) -> Result<Caller, TokenRefused>;
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenRefused {
    /// The token is ours, but has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is not one of ours.
    #[error("the token is not valid")]
    Invalid,
}

/// Random bytes that nobody can guess.
pub type Secret = [u8; 16];

/// Makes secrets.
#[cfg_attr(test, mockall::automock)]
pub trait SecretSource: Send + Sync {
    /// A new secret.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    fn secret(&self) -> Result<Secret, NoSecret>;
}

/// Why there is no secret.
#[derive(Debug, Error)]
#[error("no secret could be made")]
pub struct NoSecret(#[source] pub Box<dyn std::error::Error + Send + Sync>);
