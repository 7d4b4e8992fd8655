//! `CustomerRepository`, over PostgreSQL.

use adapters_postgres::PgCustomers;
use domain::customers::{CustomerId, CustomerRepository, InsertCustomerError};
use integration_tests::World;

#[tokio::test]
async fn a_customer_is_found_as_it_was_kept() {
    let world = World::new().await;
    let customers: &dyn CustomerRepository = &world.customers;
    let ana = World::a_customer("Ana@Example.com");
    customers.insert(&ana, None, None, None).await.unwrap();
    assert_eq!(customers.find(ana.id).await.unwrap(), Some(ana));
    assert_eq!(
        customers.find(CustomerId::new(World::id())).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn of_many_who_want_one_address_at_once_one_gets_it() {
    let world = World::ready_to_race().await;
    let wishes = (0..16).map(|n| {
        let customers = world.customers.clone();
        let email = if n % 2 == 0 {
            "ana@example.com"
        } else {
            "ANA@example.com"
        };
        tokio::spawn(async move {
            CustomerRepository::insert(&customers, &World::a_customer(email), None, None, None)
                .await
        })
    });
    let mut made = 0;
    for wish in wishes.collect::<Vec<_>>() {
        match wish.await.unwrap() {
            Ok(()) => made += 1,
            Err(error) => assert!(
                matches!(error, InsertCustomerError::EmailTaken),
                "{error:?}"
            ),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(world.count("select count(*) from customers").await, 1);
}

#[tokio::test]
async fn what_breaks_a_rule_in_storage_is_corrupt_and_not_missing() {
    let world = World::new().await;
    let ana = world.customer().await;
    let client = world.test.client().await;
    client
        .batch_execute("update customers set email = 'nowhere'")
        .await
        .unwrap();
    let found = CustomerRepository::find(&world.customers, ana.id).await;
    assert!(
        matches!(found, Err(domain::StorageError::Corrupt(_))),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_database_that_is_gone_is_unavailable_and_not_empty() {
    let url = "postgres://balcao@127.0.0.1:1/balcao";
    let settings = adapters_postgres::DatabaseSettings::parse(url, 1).unwrap();
    let database = adapters_postgres::Database::new(&settings).unwrap();
    let found =
        CustomerRepository::find(&PgCustomers::new(&database), CustomerId::new(World::id())).await;
    assert!(
        matches!(found, Err(domain::StorageError::Unavailable(_))),
        "{found:?}"
    );
}
