//! Accounts in storage.

use async_trait::async_trait;
use thiserror::Error;

use crate::{Account, AccountId, Email, PasswordHash, StorageError};

/// Finds and keeps the accounts of the shop's people. A customer's account comes to be together
/// with its customer: see [`super::CustomerRepository`].
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
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
