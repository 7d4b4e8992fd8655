//! Registering customers and looking them up.

use std::sync::Arc;

use thiserror::Error;

use super::single_flight::SingleFlight;
use crate::{
    Account, AccountId, Caller, ClientAddress, Customer, CustomerId, Email, Name, Password,
    Principal, Role, StorageError, Version,
    ports::{
        Asker, Clock, CustomerCache, CustomerRepository, IdSource, InsertCustomerError,
        PasswordHasher, PasswordHasherError,
    },
};

/// Who buys.
pub struct CustomerService {
    customers: Arc<dyn CustomerRepository>,
    cache: Arc<dyn CustomerCache>,
    passwords: Arc<dyn PasswordHasher>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    loads: SingleFlight<CustomerId, Customer, StorageError>,
}

/// What somebody says who registers a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// What the customer is called.
    pub name: Name,
    /// Where the customer is reached.
    pub email: Email,
    /// With a password the customer gets an account.
    pub password: Option<Password>,
}

/// Why a customer was not registered or not shown.
#[derive(Debug, Error)]
pub enum CustomerError {
    /// Who signs up must choose a password; only the shop registers customers without an account.
    #[error("a password is needed to sign up")]
    PasswordRequired,
    /// A customer does not register customers.
    #[error("a customer cannot register customers")]
    NotForCustomers,
    /// The address is another's.
    #[error("the email address is taken")]
    EmailTaken,
    /// There is no such customer, or it is none of the caller's business.
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
    /// Joins the ports.
    #[must_use]
    pub fn new(
        customers: Arc<dyn CustomerRepository>,
        cache: Arc<dyn CustomerCache>,
        passwords: Arc<dyn PasswordHasher>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self {
            customers,
            cache,
            passwords,
            clock,
            ids,
            loads: SingleFlight::new(),
        }
    }

    /// Registers a customer: somebody signs up (no caller), or the shop does it.
    ///
    /// # Errors
    ///
    /// `PasswordRequired`, `NotForCustomers` or `EmailTaken`, or what the ports fail with.
    pub async fn register(
        &self,
        caller: Option<&Caller>,
        registration: Registration,
        from: ClientAddress,
    ) -> Result<Arc<Customer>, CustomerError> {
        match caller.map(|caller| caller.principal.role()) {
            Some(Role::Customer) => return Err(CustomerError::NotForCustomers),
            None if registration.password.is_none() => return Err(CustomerError::PasswordRequired),
            Some(Role::Admin | Role::Staff) | None => {}
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
        self.cache.put(Arc::clone(&customer)).await;
        Ok(customer)
    }

    /// The customer with this id, if it is the caller's to see.
    ///
    /// # Errors
    ///
    /// `NotFound`, or what storage fails with.
    pub async fn get(
        &self,
        caller: &Caller,
        id: CustomerId,
    ) -> Result<Arc<Customer>, CustomerError> {
        if !caller.principal.may_see(id) {
            return Err(CustomerError::NotFound);
        }
        if let Some(customer) = self.cache.get(id).await {
            return Ok(customer);
        }
        let (customers, cache) = (Arc::clone(&self.customers), Arc::clone(&self.cache));
        let load = async move {
            let found = customers.find(id).await?.map(Arc::new);
            if let Some(customer) = &found {
                cache.put(Arc::clone(customer)).await;
            }
            Ok(found)
        };
        let found = self.loads.join_later(id, load).await?;
        found.ok_or(CustomerError::NotFound)
    }

    async fn account_of(
        &self,
        customer: &Customer,
        password: Password,
        from: ClientAddress,
    ) -> Result<Account, CustomerError> {
        let asker = Asker::Address(from);
        Ok(Account {
            id: AccountId::new(self.ids.next_id()),
            email: customer.email.clone(),
            password_hash: self.passwords.hash(password, asker).await?,
            principal: Principal::Customer(customer.id),
            created_at: customer.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;

    use super::*;
    use crate::{
        PasswordHash,
        fixtures::{
            a_customer, caller, clock, customer_id, email, ids, name, own_caller, storage_is_down,
        },
        ports::{MockCustomerCache, MockCustomerRepository, MockPasswordHasher},
    };

    fn service(customers: MockCustomerRepository, cache: MockCustomerCache) -> CustomerService {
        let mut passwords = MockPasswordHasher::new();
        passwords
            .expect_hash()
            .returning(|_, _| Ok(PasswordHash::new("hashed".to_owned())));
        CustomerService::new(
            Arc::new(customers),
            Arc::new(cache),
            Arc::new(passwords),
            clock(),
            ids(),
        )
    }

    fn ana(password: Option<&str>) -> Registration {
        Registration {
            name: name("Ana Souza"),
            email: email("ana@example.com"),
            password: password.map(|p| Password::parse(p.to_owned()).unwrap()),
        }
    }

    #[tokio::test]
    async fn who_signs_up_gets_an_account_of_their_own() {
        let mut order = Sequence::new();
        let mut customers = MockCustomerRepository::new();
        customers
            .expect_insert_with_account()
            .withf(|customer, account| account.principal == Principal::Customer(customer.id))
            .times(1)
            .in_sequence(&mut order)
            .returning(|_, _| Ok(()));
        let mut cache = MockCustomerCache::new();
        cache
            .expect_put()
            .times(1)
            .in_sequence(&mut order)
            .return_const(());
        let made = service(customers, cache)
            .register(None, ana(Some("long enough")), ClientAddress::LOCAL)
            .await
            .unwrap();
        assert_eq!(made.email.as_str(), "ana@example.com");
    }

    #[tokio::test]
    async fn nobody_signs_up_without_a_password() {
        let refused = service(MockCustomerRepository::new(), MockCustomerCache::new())
            .register(None, ana(None), ClientAddress::LOCAL)
            .await;
        assert!(matches!(refused, Err(CustomerError::PasswordRequired)));
    }

    #[tokio::test]
    async fn the_shop_registers_a_customer_without_an_account() {
        let mut customers = MockCustomerRepository::new();
        customers.expect_insert().times(1).returning(|_| Ok(()));
        let mut cache = MockCustomerCache::new();
        cache.expect_put().return_const(());
        let made = service(customers, cache)
            .register(
                Some(&caller(Principal::Staff)),
                ana(None),
                ClientAddress::LOCAL,
            )
            .await;
        assert!(made.is_ok());
    }

    #[tokio::test]
    async fn a_customer_registers_nobody() {
        let refused = service(MockCustomerRepository::new(), MockCustomerCache::new())
            .register(
                Some(&own_caller(1)),
                ana(Some("long enough")),
                ClientAddress::LOCAL,
            )
            .await;
        assert!(matches!(refused, Err(CustomerError::NotForCustomers)));
    }

    #[tokio::test]
    async fn a_taken_address_is_told_and_not_cached() {
        let mut customers = MockCustomerRepository::new();
        customers
            .expect_insert_with_account()
            .returning(|_, _| Err(InsertCustomerError::EmailTaken));
        let refused = service(customers, MockCustomerCache::new())
            .register(None, ana(Some("long enough")), ClientAddress::LOCAL)
            .await;
        assert!(matches!(refused, Err(CustomerError::EmailTaken)));
    }

    #[tokio::test]
    async fn a_customer_sees_nobody_else_not_even_out_of_the_cache() {
        // Neither mock expects a call: the answer does not depend on what exists.
        let refused = service(MockCustomerRepository::new(), MockCustomerCache::new())
            .get(&own_caller(1), customer_id(2))
            .await;
        assert!(matches!(refused, Err(CustomerError::NotFound)));
    }

    #[tokio::test]
    async fn a_hit_does_not_ask_storage_and_a_miss_is_kept() {
        let mut cache = MockCustomerCache::new();
        cache
            .expect_get()
            .returning(|_| Some(Arc::new(a_customer(1))));
        let hit = service(MockCustomerRepository::new(), cache)
            .get(&own_caller(1), customer_id(1))
            .await;
        assert_eq!(*hit.unwrap(), a_customer(1));

        let mut cache = MockCustomerCache::new();
        cache.expect_get().returning(|_| None);
        cache.expect_put().times(1).return_const(());
        let mut customers = MockCustomerRepository::new();
        customers
            .expect_find()
            .times(1)
            .returning(|_| Ok(Some(a_customer(1))));
        let miss = service(customers, cache)
            .get(&caller(Principal::Staff), customer_id(1))
            .await;
        assert_eq!(*miss.unwrap(), a_customer(1));
    }

    #[tokio::test]
    async fn a_storage_failure_is_not_taken_for_a_missing_customer() {
        let mut cache = MockCustomerCache::new();
        cache.expect_get().returning(|_| None);
        let mut customers = MockCustomerRepository::new();
        customers
            .expect_find()
            .returning(|_| Err(storage_is_down()));
        let failed = service(customers, cache)
            .get(&own_caller(1), customer_id(1))
            .await;
        assert!(matches!(failed, Err(CustomerError::Storage(_))));
    }
}
