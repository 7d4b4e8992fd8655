//! The use cases of customers.

use std::sync::Arc;

use thiserror::Error;

use super::{
    AccountRecord, Customer, CustomerChange, CustomerEdit, CustomerId, CustomerRepository,
    CustomerSort, CustomersFilter, InsertCustomerError,
};
use crate::{
    Clock, IdSource, StorageError,
    bulk::Export,
    cache::{Cache, ReadThrough},
    idempotency::{Created, Creation, CreationKey, Fingerprint, IdempotencyKey, KeyReused},
    identity::{
        Account, AccountId, Actor, Caller, ClientAddress, Forbidden, Password, PasswordHasher,
        PasswordHasherError, Permission, Principal, Requester,
    },
    unit_of_work::{CommitError, Opened, UnitOfWork},
    values::{Email, Expected, Freshness, Name, Page, PageRequest, Sort, Version},
};

/// Registers customers, finds, changes and erases them.
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

/// Why a customer was not registered, found, changed or erased.
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
    /// The key stands for another request.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// There is no such customer, or the caller may not see it.
    #[error("there is no such customer")]
    NotFound,
    /// The customer has changed since the caller read it.
    #[error("the customer has changed since it was read")]
    Stale,
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

    /// Registers a customer: somebody signs up (without a caller), or the shop registers them. With a
    /// key it is done once, however often it is requested: a repeat gets the first answer.
    ///
    /// # Errors
    ///
    /// `PasswordRequired`, `Forbidden`, `EmailTaken`, `KeyReused`, `Passwords`, or `Storage`.
    pub async fn register(
        &self,
        caller: Option<&Caller>,
        registration: Registration,
        key: Option<IdempotencyKey>,
        from: ClientAddress,
    ) -> Result<Created<Arc<Customer>>, CustomerError> {
        match caller {
            Some(caller) => caller.must_have(Permission::CustomersRegister)?,
            None if registration.password.is_none() => return Err(CustomerError::PasswordRequired),
            None => {}
        }
        let key = key.map(|key| CreationKey {
            account_id: caller.map(|caller| caller.account_id),
            key,
            fingerprint: registration.fingerprint(),
        });
        if let Some(first) = self.registered_under(key.as_ref()).await? {
            return Ok(replay(&registration, first));
        }
        let customer = Customer {
            id: CustomerId::new(self.ids.next_id()),
            name: registration.name.clone(),
            email: registration.email.clone(),
            created_at: self.clock.now(),
            version: Version::FIRST,
        };
        let account = match registration.password.clone() {
            Some(password) => Some(self.account_of(&customer, password, from).await?),
            None => None,
        };
        let by = caller.map(Actor::from);
        let inserted = self
            .customers
            .insert(&customer, account.as_ref(), key.as_ref(), by.as_ref())
            .await;
        match inserted {
            Ok(()) => {}
            Err(InsertCustomerError::EmailTaken) => return Err(CustomerError::EmailTaken),
            Err(InsertCustomerError::KeyTaken) => {
                // A repeat that came at the same time was faster.
                let first = self.registered_under(key.as_ref()).await?;
                let first = first.ok_or(StorageError::unavailable("the key came and went"))?;
                return Ok(replay(&registration, first));
            }
            Err(InsertCustomerError::Storage(error)) => return Err(error.into()),
        }
        Ok(Created {
            // Not cached: nothing older can be, and somebody may have changed it by now.
            entity: Arc::new(customer),
            is_replay: false,
        })
    }

    /// What an earlier request with this key registered.
    async fn registered_under(
        &self,
        key: Option<&CreationKey>,
    ) -> Result<Option<Creation>, CustomerError> {
        let Some(key) = key else {
            return Ok(None);
        };
        Ok(key.replay(self.customers.inserted_under(key).await?)?)
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

    /// The account of this customer, if it has one and the caller may see it.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn account(
        &self,
        caller: &Caller,
        id: CustomerId,
    ) -> Result<Option<AccountRecord>, CustomerError> {
        caller.must_have(Permission::CustomersRead)?;
        if !caller.principal.may_see(id) {
            return Err(CustomerError::NotFound);
        }
        Ok(self.customers.account(id).await?)
    }

    /// A page of the customers that the filter describes; the shop alone sees it.
    ///
    /// # Errors
    ///
    /// `Forbidden`, or `Storage`.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &CustomersFilter,
        sort: Sort<CustomerSort>,
        page: &PageRequest,
    ) -> Result<Page<Customer>, CustomerError> {
        caller.must_have(Permission::CustomersList)?;
        Ok(self.customers.page(filter, sort, page).await?)
    }

    /// The customers that the filter describes, as of one moment; the shop alone gets them.
    ///
    /// # Errors
    ///
    /// `Forbidden`.
    pub fn export(
        &self,
        caller: &Caller,
        filter: CustomersFilter,
        freshness: Freshness,
    ) -> Result<Export<Customer>, Forbidden> {
        caller.must_have(Permission::CustomersList)?;
        Ok(self.customers.export(filter, freshness))
    }

    /// Changes fields of a customer. An edit that changes nothing writes nothing.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Stale`, `EmailTaken`, or `Storage`.
    pub async fn edit(
        &self,
        caller: &Caller,
        id: CustomerId,
        edit: CustomerEdit,
        expected: &Expected,
    ) -> Result<Arc<Customer>, CustomerError> {
        caller.must_have(Permission::CustomersWrite)?;
        let (customer, unit) = self.open(caller, id, expected).await?;
        let Some(edited) = customer.edited(edit) else {
            unit.abandon().await?;
            return Ok(self.publish(customer).await);
        };
        let change = CustomerChange::Edited {
            customer: edited.clone(),
            by: caller.into(),
            at: self.clock.now(),
        };
        self.commit(unit, id, edited.version, &change).await?;
        Ok(self.publish(edited).await)
    }

    /// Erases for good what tells who a customer is. Its orders stay, with their figures; its
    /// account can log in no more.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Stale`, or `Storage`.
    pub async fn erase(
        &self,
        caller: &Caller,
        id: CustomerId,
        expected: &Expected,
    ) -> Result<(), CustomerError> {
        caller.must_have(Permission::CustomersErase)?;
        let (customer, unit) = self.open(caller, id, expected).await?;
        let version = customer.version.next();
        let at = self.clock.now();
        let erased = CustomerChange::Erased {
            id,
            version,
            by: caller.into(),
            at,
        };
        self.commit(unit, id, version, &erased).await?;
        self.cached.forget(id, version).await;
        Ok(())
    }

    /// Locks a customer that the caller may see and that is as it expects.
    async fn open(
        &self,
        caller: &Caller,
        id: CustomerId,
        expected: &Expected,
    ) -> Result<(Customer, Box<dyn UnitOfWork<CustomerChange>>), CustomerError> {
        if !caller.principal.may_see(id) {
            return Err(CustomerError::NotFound);
        }
        let opened = self.customers.open(id).await?;
        let Opened {
            state: customer,
            unit,
        } = opened.ok_or(CustomerError::NotFound)?;
        if !expected.allows(&customer.version) {
            unit.abandon().await?;
            return Err(CustomerError::Stale);
        }
        Ok((customer, unit))
    }

    async fn commit(
        &self,
        unit: Box<dyn UnitOfWork<CustomerChange>>,
        id: CustomerId,
        version: Version,
        change: &CustomerChange,
    ) -> Result<(), CustomerError> {
        self.cached.outdate(id, version).await;
        unit.commit(change).await.map_err(|error| match error {
            CommitError::Taken(_) => CustomerError::EmailTaken,
            error => StorageError::from(error).into(),
        })
    }

    async fn publish(&self, customer: Customer) -> Arc<Customer> {
        let customer = Arc::new(customer);
        self.cached.publish(Arc::clone(&customer)).await;
        customer
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
            disabled_at: None,
            version: Version::FIRST,
        })
    }
}

impl Registration {
    /// What is asked for, but for the password, which must not be kept, not even as a digest.
    fn fingerprint(&self) -> Fingerprint {
        let has_password: &[u8] = if self.password.is_some() { b"1" } else { b"0" };
        let (name, email) = (self.name.as_str(), self.email.as_str());
        Fingerprint::of([name.as_bytes(), email.as_bytes(), has_password])
    }
}

/// The answer that the first request with this key got: what it asked for is the same.
fn replay(registration: &Registration, first: Creation) -> Created<Arc<Customer>> {
    Created {
        entity: Arc::new(Customer {
            id: CustomerId::new(first.id),
            name: registration.name.clone(),
            email: registration.email.clone(),
            created_at: first.created_at,
            version: Version::FIRST,
        }),
        is_replay: true,
    }
}

#[cfg(test)]
mod tests;
