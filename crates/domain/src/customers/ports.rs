//! The port of customers.

use async_trait::async_trait;
use thiserror::Error;

use super::{Customer, CustomerId};
use crate::{StorageError, identity::Account};

/// Stores customers.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait CustomerRepository: Send + Sync {
    /// The customer with this id, if there is one.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: CustomerId) -> Result<Option<Customer>, StorageError>;

    /// Inserts a new customer without an account.
    ///
    /// # Errors
    ///
    /// `EmailTaken` when a customer has that address already, in whatever case; this MUST also hold
    /// when two are inserted at once. `Storage` when storage fails.
    async fn insert(&self, customer: &Customer) -> Result<(), InsertCustomerError>;

    /// Inserts a new customer and its account: both or neither.
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

/// Why a customer was not inserted.
#[derive(Debug, Error)]
pub enum InsertCustomerError {
    /// Another customer or account has this address.
    #[error("the email address is taken")]
    EmailTaken,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
