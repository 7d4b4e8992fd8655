//! What identity asks of the outside: accounts in storage, and tokens.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::{Account, AccountId, Caller, PasswordHash};
use crate::{StorageError, values::Email};

/// Finds and keeps the accounts of the shop's people. A customer's account comes to be together
/// with its customer: see [`crate::customers::CustomerRepository`].
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait AccountRepository: Send + Sync {
    /// The account that logs in with `email`, compared without regard to case.
    ///
    /// # Errors
    ///
    /// When storage fails: the caller MUST NOT take that for "no such account".
    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StorageError>;

    /// Of the password hashes of all accounts, one that takes longest to check.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn dearest_hash(&self) -> Result<Option<PasswordHash>, StorageError>;

    /// Keeps another hash of the password of this account, unless it has another one than `from`
    /// by now.
    ///
    /// # Errors
    ///
    /// When storage fails: the account has the hash that it had.
    async fn replace_hash(
        &self,
        id: AccountId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<(), StorageError>;

    /// Keeps a new account.
    ///
    /// # Errors
    ///
    /// `EmailTaken` when an account has that address already, in whatever case; it MUST be told
    /// when two arrive at once. `Storage` when storage fails.
    async fn insert(&self, account: &Account) -> Result<(), InsertAccountError>;
}

/// Why an account was not kept.
#[derive(Debug, Error)]
pub enum InsertAccountError {
    /// The address is another account's.
    #[error("the email address is taken")]
    EmailTaken,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A token that was just issued. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// What the caller presents.
    pub token: String,
    /// How long it is good for.
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
    /// A token with which `caller` proves itself from now on, until it expires.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    fn issue(&self, caller: &Caller) -> Result<AccessToken, TokenNotIssued>;
}

/// A token could not be made.
#[derive(Debug, Error)]
#[error("the token could not be made")]
pub struct TokenNotIssued(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Finds out who a caller is.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Who presents this token.
    ///
    /// # Errors
    ///
    /// `Expired` for one of ours whose time is over; `Invalid` for everything else that we did not
    /// issue, whatever its form; `Storage` when nobody can tell now.
    async fn authenticate(&self, token: &str) -> Result<Caller, AuthenticationError>;
}

/// Why nobody was recognised.
#[derive(Debug, Error)]
pub enum AuthenticationError {
    /// The token's time is over.
    #[error("the token has expired")]
    Expired,
    /// The token is not one of ours.
    #[error("the token is not valid")]
    Invalid,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
