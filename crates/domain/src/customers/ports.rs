//! What customers ask of the outside.

use async_trait::async_trait;
use thiserror::Error;

use super::{Customer, CustomerId};
use crate::{StorageError, identity::Account};

/// Finds and keeps customers.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait CustomerRepository: Send + Sync {
    /// The customer with this id.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: CustomerId) -> Result<Option<Customer>, StorageError>;

    /// Keeps a new customer who has no account.
    ///
    /// # Errors
    ///
    /// `EmailTaken` when a customer has that address already, in whatever case; it MUST be told
    /// when two arrive at once. `Storage` when storage fails.
    async fn insert(&self, customer: &Customer) -> Result<(), InsertCustomerError>;

    /// Keeps a new customer together with its account: both or neither.
    ///
    /// # Errors
    ///
    /// As `insert`; `EmailTaken` also when an account has that address.
    async fn insert_with_account(
        &self,
        customer: &Customer,
        account: &Account,
    ) -> Result<(), InsertCustomerError>;
}

/// Why a customer was not kept.
#[derive(Debug, Error)]
pub enum InsertCustomerError {
    /// The address is another's.
    #[error("the email address is taken")]
    EmailTaken,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
