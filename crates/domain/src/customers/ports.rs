//! The port of customers.

#![cfg_attr(
    test,
    expect(clippy::ref_option_ref, reason = "mocks refer to their arguments")
)]

use async_trait::async_trait;
use thiserror::Error;

use super::{AccountRecord, Customer, CustomerChange, CustomerId, CustomerSort, CustomersFilter};
use crate::{
    StorageError,
    bulk::Export,
    idempotency::{Creation, CreationKey},
    identity::{Account, Actor},
    unit_of_work::Opened,
    values::{Freshness, Page, PageRequest, Sort},
};

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

    /// A page of the customers that the filter describes.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn page(
        &self,
        filter: &CustomersFilter,
        sort: Sort<CustomerSort>,
        page: &PageRequest,
    ) -> Result<Page<Customer>, StorageError>;

    /// The customers that the filter describes, as of one moment, in the
    /// sequence of their ids.
    fn export(&self, filter: CustomersFilter, freshness: Freshness) -> Export<Customer>;

    /// The account of this customer, if it has one.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn account(&self, id: CustomerId) -> Result<Option<AccountRecord>, StorageError>;

    /// Inserts a new customer, its account if it gets one, and the key under which it was asked
    /// for: all of it or nothing.
    ///
    /// # Errors
    ///
    /// `KeyTaken` when the account has used that key for a customer before; `EmailTaken` when a
    /// customer or an account has that address already, in whatever case. Both MUST also hold when
    /// two are inserted at once. `Storage` when storage fails.
    async fn insert<'a>(
        &self,
        customer: &Customer,
        account: Option<&'a Account>,
        key: Option<&'a CreationKey>,
        by: Option<&'a Actor>,
    ) -> Result<(), InsertCustomerError>;

    /// The customer that was inserted under this key, by whichever request.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn inserted_under(&self, key: &CreationKey) -> Result<Option<Creation>, StorageError>;

    /// Begins a transaction and locks the customer with this id. `None` when there is none: nothing
    /// is locked. Orders MAY be placed for the customer meanwhile.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is locked.
    async fn open(
        &self,
        id: CustomerId,
    ) -> Result<Option<Opened<Customer, CustomerChange>>, StorageError>;
}

/// Why a customer was not inserted.
#[derive(Debug, Error)]
pub enum InsertCustomerError {
    /// The key stands for another customer.
    #[error("the key is taken")]
    KeyTaken,
    /// Another customer or account has this address.
    #[error("the email address is taken")]
    EmailTaken,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
