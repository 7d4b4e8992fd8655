//! `AccountRepository`, over PostgreSQL.

use domain::{
    customers::{CustomerRepository, InsertCustomerError},
    identity::{AccountRepository, InsertAccountError, Principal},
    values::Email,
};
use integration_tests::World;

#[tokio::test]
async fn an_account_is_found_by_its_address_in_whatever_case() {
    let world = World::new().await;
    let accounts: &dyn AccountRepository = &world.accounts;
    for principal in [Principal::Admin, Principal::Staff] {
        let email = format!("{}@Example.com", principal.role());
        let kept = World::an_account(&email, principal);
        accounts.insert(&kept, &World::operator()).await.unwrap();
        let typed = Email::parse(&email.to_uppercase()).unwrap();
        assert_eq!(accounts.find_by_email(&typed).await.unwrap(), Some(kept));
    }
    let nobody = Email::parse("nobody@example.com").unwrap();
    assert_eq!(accounts.find_by_email(&nobody).await.unwrap(), None);
}

#[tokio::test]
async fn of_many_who_want_one_address_at_once_one_gets_it() {
    let world = World::ready_to_race().await;
    let wishes = (0..16).map(|n| {
        let accounts = world.accounts.clone();
        let email = if n % 2 == 0 {
            "boss@example.com"
        } else {
            "Boss@Example.com"
        };
        tokio::spawn(async move {
            AccountRepository::insert(
                &accounts,
                &World::an_account(email, Principal::Admin),
                &World::operator(),
            )
            .await
        })
    });
    let mut made = 0;
    for wish in wishes.collect::<Vec<_>>() {
        match wish.await.unwrap() {
            Ok(()) => made += 1,
            Err(error) => assert!(matches!(error, InsertAccountError::EmailTaken), "{error:?}"),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_customers_account_comes_with_its_customer_or_not_at_all() {
    let world = World::new().await;
    let (customers, accounts): (&dyn CustomerRepository, &dyn AccountRepository) =
        (&world.customers, &world.accounts);
    let ana = World::a_customer("ana@example.com");
    let kept = World::an_account("ana@example.com", Principal::Customer(ana.id));
    customers
        .insert(&ana, Some(&kept), None, None)
        .await
        .unwrap();
    assert_eq!(
        accounts.find_by_email(&ana.email).await.unwrap(),
        Some(kept)
    );

    // The address is free as a customer's, but an account has it.
    accounts
        .insert(
            &World::an_account("boss@example.com", Principal::Admin),
            &World::operator(),
        )
        .await
        .unwrap();
    let boss = World::a_customer("Boss@example.com");
    let refused = World::an_account("Boss@example.com", Principal::Customer(boss.id));
    let refused = customers.insert(&boss, Some(&refused), None, None).await;
    assert!(matches!(refused, Err(InsertCustomerError::EmailTaken)));
    assert_eq!(customers.find(boss.id).await.unwrap(), None);
}
