//! Customers against mocked ports.

use super::*;
use crate::{
    cache::{Cached, Lease, MockCache},
    customers::MockCustomerRepository,
    fixtures::{
        a_customer, caller, clock, customer_id, email, ids, name, own_caller, storage_is_down,
    },
    identity::{MockPasswordHasher, PasswordHash},
};

fn service(customers: MockCustomerRepository, cache: MockCache<Customer>) -> CustomerService {
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
    let mut customers = MockCustomerRepository::new();
    customers
        .expect_insert()
        .withf(|customer, account, _, _| {
            account.is_some_and(|account| account.principal == Principal::Customer(customer.id))
        })
        .times(1)
        .returning(|_, _, _, _| Ok(()));
    let made = service(customers, MockCache::new())
        .register(None, ana(Some("long enough")), None, ClientAddress::LOCAL)
        .await
        .unwrap();
    assert_eq!(made.entity.email.as_str(), "ana@example.com");
}

#[tokio::test]
async fn nobody_signs_up_without_a_password() {
    let refused = service(MockCustomerRepository::new(), MockCache::new())
        .register(None, ana(None), None, ClientAddress::LOCAL)
        .await;
    assert!(matches!(refused, Err(CustomerError::PasswordRequired)));
}

#[tokio::test]
async fn the_shop_registers_a_customer_without_an_account() {
    let mut customers = MockCustomerRepository::new();
    customers
        .expect_insert()
        .withf(|_, account, _, _| account.is_none())
        .times(1)
        .returning(|_, _, _, _| Ok(()));
    let made = service(customers, MockCache::new())
        .register(
            Some(&caller(Principal::Staff)),
            ana(None),
            None,
            ClientAddress::LOCAL,
        )
        .await;
    assert!(made.is_ok());
}

#[tokio::test]
async fn a_customer_registers_nobody() {
    let refused = service(MockCustomerRepository::new(), MockCache::new())
        .register(
            Some(&own_caller(1)),
            ana(Some("long enough")),
            None,
            ClientAddress::LOCAL,
        )
        .await;
    assert!(matches!(refused, Err(CustomerError::Forbidden(_))));
}

#[tokio::test]
async fn a_taken_address_is_refused_and_not_cached() {
    let mut customers = MockCustomerRepository::new();
    customers
        .expect_insert()
        .returning(|_, _, _, _| Err(InsertCustomerError::EmailTaken));
    let refused = service(customers, MockCache::new())
        .register(None, ana(Some("long enough")), None, ClientAddress::LOCAL)
        .await;
    assert!(matches!(refused, Err(CustomerError::EmailTaken)));
}

#[tokio::test]
async fn a_customer_sees_nobody_else_not_even_out_of_the_cache() {
    // Neither mock expects a call: the answer does not depend on what exists.
    let refused = service(MockCustomerRepository::new(), MockCache::new())
        .get(&own_caller(1), customer_id(2))
        .await;
    assert!(matches!(refused, Err(CustomerError::NotFound)));
}

#[tokio::test]
async fn a_hit_does_not_ask_storage_and_a_miss_is_kept() {
    let mut cache = MockCache::new();
    cache
        .expect_get()
        .returning(|_| Cached::Hit(Arc::new(a_customer(1))));
    let hit = service(MockCustomerRepository::new(), cache)
        .get(&own_caller(1), customer_id(1))
        .await;
    assert_eq!(*hit.unwrap(), a_customer(1));

    let mut cache = MockCache::new();
    cache.expect_get().returning(|_| Cached::Miss(Lease::NONE));
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
    let mut cache = MockCache::new();
    cache.expect_get().returning(|_| Cached::Miss(Lease::NONE));
    let mut customers = MockCustomerRepository::new();
    customers
        .expect_find()
        .returning(|_| Err(storage_is_down()));
    let failed = service(customers, cache)
        .get(&own_caller(1), customer_id(1))
        .await;
    assert!(matches!(failed, Err(CustomerError::Storage(_))));
}
