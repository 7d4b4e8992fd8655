//! The use cases of customers.

use std::sync::Arc;

use thiserror::Error;

use super::{Customer, CustomerId, CustomerRepository, InsertCustomerError};
use crate::{
    Clock, IdSource, StorageError,
    cache::{Cache, ReadThrough},
    identity::{
        Account, AccountId, Caller, ClientAddress, Forbidden, Password, PasswordHasher,
        PasswordHasherError, Permission, Principal, Requester,
    },
    values::{Email, Name, Version},
};

/// Registers customers and finds them.
pub struct CustomerService {
    customers: Arc<dyn CustomerRepository>,
    cached: ReadThrough<Customer, StorageError>,
    passwords: Arc<dyn PasswordHasher>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// The customer to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The customer's name.
    pub name: Name,
    /// The email address, which no other customer may have.
    pub email: Email,
    /// With a password, the customer gets an account.
    pub password: Option<Password>,
}

/// Why a customer was not registered or not found.
#[derive(Debug, Error)]
pub enum CustomerError {
    /// Somebody who signs up must choose a password; only the shop registers customers without an
    /// account.
    #[error("a password is needed to sign up")]
    PasswordRequired,
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Another customer or account has this address.
    #[error("the email address is taken")]
    EmailTaken,
    /// There is no such customer, or the caller may not see it.
    #[error("there is no such customer")]
    NotFound,
    /// The password could not be hashed.
    #[error(transparent)]
    Passwords(#[from] PasswordHasherError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl CustomerService {
    /// Stores customers in `customers`, and reads them through `cache`.
    #[must_use]
    pub fn new(
        customers: Arc<dyn CustomerRepository>,
        cache: Arc<dyn Cache<Customer>>,
        passwords: Arc<dyn PasswordHasher>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self {
            customers,
            cached: ReadThrough::new(cache),
            passwords,
            clock,
            ids,
        }
    }

    /// Registers a customer: somebody signs up (without a caller), or the shop registers them.
    ///
    /// # Errors
    ///
    /// `PasswordRequired`, `Forbidden`, `EmailTaken`, `Passwords`, or `Storage`.
    pub async fn register(
        &self,
        caller: Option<&Caller>,
        registration: Registration,
        from: ClientAddress,
    ) -> Result<Arc<Customer>, CustomerError> {
        match caller {
            Some(caller) => caller.must_have(Permission::CustomersWrite)?,
            None if registration.password.is_none() => return Err(CustomerError::PasswordRequired),
            None => {}
        }
        let customer = Customer {
            id: CustomerId::new(self.ids.next_id()),
            name: registration.name,
            email: registration.email,
            created_at: self.clock.now(),
            version: Version::FIRST,
        };
        let inserted = match registration.password {
            Some(password) => {
                let account = self.account_of(&customer, password, from).await?;
                self.customers
                    .insert_with_account(&customer, &account)
                    .await
            }
            None => self.customers.insert(&customer).await,
        };
        match inserted {
            Ok(()) => {}
            Err(InsertCustomerError::EmailTaken) => return Err(CustomerError::EmailTaken),
            Err(InsertCustomerError::Storage(error)) => return Err(error.into()),
        }
        let customer = Arc::new(customer);
        self.cached.publish(Arc::clone(&customer)).await;
        Ok(customer)
    }

    /// The customer with this id, if the caller may see it.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn get(
        &self,
        caller: &Caller,
        id: CustomerId,
    ) -> Result<Arc<Customer>, CustomerError> {
        caller.must_have(Permission::CustomersRead)?;
        if !caller.principal.may_see(id) {
            return Err(CustomerError::NotFound);
        }
        let load = || {
            let customers = Arc::clone(&self.customers);
            async move { customers.find(id).await }
        };
        let found = self.cached.get(id, load).await?;
        found.ok_or(CustomerError::NotFound)
    }

    async fn account_of(
        &self,
        customer: &Customer,
        password: Password,
        from: ClientAddress,
    ) -> Result<Account, CustomerError> {
        let requester = Requester::Address(from);
        Ok(Account {
            id: AccountId::new(self.ids.next_id()),
            email: customer.email.clone(),
            password_hash: self.passwords.hash(password, requester).await?,
            principal: Principal::Customer(customer.id),
            created_at: customer.created_at,
        })
    }
}

#[cfg(test)]
mod tests;
