//! The ports of identity: accounts in storage, and tokens.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::{Account, AccountId, Caller, PasswordHash};
use crate::{StorageError, values::Email};

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

    /// Sets the password hash of the account that logs in with `email`, compared without regard to
    /// case, and returns the account as it is now; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When storage fails: the hash is unchanged.
    async fn set_hash(
        &self,
        email: &Email,
        hash: &PasswordHash,
    ) -> Result<Option<Account>, StorageError>;

    /// Inserts a new account.
    ///
    /// # Errors
    ///
    /// `EmailTaken` when an account has that address already, in whatever case; this MUST also hold
    /// when two are inserted at once. `Storage` when storage fails.
    async fn insert(&self, account: &Account) -> Result<(), InsertAccountError>;
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
    /// A token that authenticates `caller` until it expires.
    ///
    /// # Errors
    ///
    /// When the token cannot be made.
    fn issue(&self, caller: &Caller) -> Result<AccessToken, TokenNotIssued>;
}

/// Why a token was not issued.
#[derive(Debug, Error)]
#[error("the token could not be made")]
pub struct TokenNotIssued(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Authenticates callers by their tokens.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The caller that presents this token.
    ///
    /// # Errors
    ///
    /// `Expired` for an expired token of ours; `Invalid` for everything that is not a token of
    /// ours, whatever its form; `Storage` when neither can be decided now.
    async fn authenticate(&self, token: &str) -> Result<Caller, AuthenticationError>;
}

/// Why a caller was not authenticated.
#[derive(Debug, Error)]
pub enum AuthenticationError {
    /// The token is ours, but has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is not one of ours.
    #[error("the token is not valid")]
    Invalid,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
