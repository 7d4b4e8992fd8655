//! The login use case against mocked ports.

use std::{net::IpAddr, time::Duration as StdDuration};

use super::*;
use crate::{
    fixtures::{account, clock, storage_is_down},
    identity::{
        MockAccountRepository, MockPasswordHasher, MockTokenIssuer, PasswordHash, Principal,
    },
};

fn service(
    mut accounts: MockAccountRepository,
    passwords: MockPasswordHasher,
    tokens: MockTokenIssuer,
) -> AuthService {
    accounts
        .expect_dearest_hash()
        .returning(|| Ok(Some(PasswordHash::new("the dearest".to_owned()))));
    AuthService::new(
        Arc::new(accounts),
        Arc::new(passwords),
        Arc::new(tokens),
        clock(),
    )
}

fn knowing(known: Option<Account>) -> MockAccountRepository {
    let mut accounts = MockAccountRepository::new();
    accounts
        .expect_find_by_email()
        .returning(move |_| Ok(known.clone()));
    accounts
}

fn issuing() -> MockTokenIssuer {
    let mut tokens = MockTokenIssuer::new();
    tokens.expect_issue().returning(|_| {
        Ok(AccessToken {
            token: "token".to_owned(),
            expires_in: StdDuration::from_mins(15),
        })
    });
    tokens
}

/// Accepts "right" as the password.
fn checking() -> MockPasswordHasher {
    let mut passwords = MockPasswordHasher::new();
    passwords.expect_check().returning(|check| {
        Ok(match (check.attempt.as_str(), check.hash) {
            ("right", Some(_)) => Verdict::Right,
            _ => Verdict::Wrong,
        })
    });
    passwords
}

fn address(text: &str) -> ClientAddress {
    ClientAddress::new(text.parse::<IpAddr>().unwrap())
}

async fn login(service: &AuthService, email: &str, password: &str, from: &str) -> Outcome {
    let from = address(from);
    match service.login(email, password.to_owned(), from).await {
        Ok(_) => Outcome::LoggedIn,
        Err(AuthError::WrongCredentials) => Outcome::Wrong,
        Err(AuthError::TooManyAttempts { .. }) => Outcome::SlowedDown,
        Err(error) => panic!("{error}"),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    LoggedIn,
    Wrong,
    SlowedDown,
}

const HERE: &str = "192.0.2.1";

#[tokio::test]
async fn the_right_password_is_exchanged_for_a_token_of_that_account() {
    let known = account(Principal::Staff);
    let expected = Caller::new(known.id, Principal::Staff);
    let mut tokens = MockTokenIssuer::new();
    tokens
        .expect_issue()
        .withf(move |caller| *caller == expected)
        .returning(|_| {
            Ok(AccessToken {
                token: "token".to_owned(),
                expires_in: StdDuration::from_mins(15),
            })
        });
    let token = service(knowing(Some(known)), checking(), tokens)
        .login("ana@example.com", "right".to_owned(), address(HERE))
        .await
        .unwrap();
    assert_eq!(token.token, "token");
}

#[tokio::test]
async fn an_unknown_address_is_checked_as_long_and_refused_like_a_wrong_password() {
    for (address, known) in [
        ("ana@example.com", Some(account(Principal::Admin))),
        ("nobody@example.com", None),
        ("no address", None),
    ] {
        let has_account = known.is_some();
        let mut passwords = MockPasswordHasher::new();
        passwords
            .expect_check()
            .withf(move |check| check.hash.is_some() == has_account && check.dearest.is_some())
            .times(1)
            .returning(|_| Ok(Verdict::Wrong));
        let service = service(knowing(known), passwords, MockTokenIssuer::new());
        assert_eq!(
            login(&service, address, "wrong", HERE).await,
            Outcome::Wrong
        );
    }
}

#[tokio::test]
async fn a_storage_failure_is_not_taken_for_a_wrong_password() {
    let mut accounts = MockAccountRepository::new();
    accounts
        .expect_find_by_email()
        .returning(|_| Err(storage_is_down()));
    let service = service(accounts, MockPasswordHasher::new(), MockTokenIssuer::new());
    for _ in 0..100 {
        let failed = service
            .login("ana@example.com", "right".to_owned(), address(HERE))
            .await;
        assert!(matches!(failed, Err(AuthError::Storage(_))));
    }
}

#[tokio::test]
async fn a_hash_that_is_outdated_is_replaced_when_its_owner_logs_in() {
    let mut passwords = MockPasswordHasher::new();
    passwords
        .expect_check()
        .returning(|_| Ok(Verdict::RightButOutdated));
    passwords
        .expect_hash()
        .withf(|password, _| password.expose() == "long enough")
        .times(1)
        .returning(|_, _| Ok(PasswordHash::new("of today".to_owned())));
    let mut accounts = knowing(Some(account(Principal::Staff)));
    accounts
        .expect_replace_hash()
        .withf(|_, from, to| from.expose() == "hashed" && to.expose() == "of today")
        .times(1)
        .returning(|_, _, _| Ok(()));
    let service = service(accounts, passwords, issuing());
    let outcome = login(&service, "ana@example.com", "long enough", HERE).await;
    assert_eq!(outcome, Outcome::LoggedIn);
}

#[tokio::test]
async fn who_fails_is_slowed_down_and_nobody_elsewhere_is() {
    let service = service(
        knowing(Some(account(Principal::Staff))),
        checking(),
        issuing(),
    );
    let try_it = |email, password, from| login(&service, email, password, from);
    for _ in 0..AT_ONE_ACCOUNT {
        assert_eq!(
            try_it("ana@example.com", "wrong", HERE).await,
            Outcome::Wrong
        );
    }
    for password in ["wrong", "right"] {
        let outcome = try_it("Ana@Example.com", password, HERE).await;
        assert_eq!(outcome, Outcome::SlowedDown);
    }
    let elsewhere = try_it("ana@example.com", "right", "198.51.100.7").await;
    assert_eq!(elsewhere, Outcome::LoggedIn);
    let another_account = try_it("bia@example.com", "right", HERE).await;
    assert_eq!(another_account, Outcome::LoggedIn);
}

#[tokio::test]
async fn an_address_that_fails_at_many_accounts_is_slowed_down_but_for_whom_it_knows() {
    let service = service(
        knowing(Some(account(Principal::Staff))),
        checking(),
        issuing(),
    );
    let try_it = |email: String, password| {
        let service = &service;
        async move { login(service, &email, password, HERE).await }
    };
    let ana = || "ana@example.com".to_owned();
    assert_eq!(try_it(ana(), "right").await, Outcome::LoggedIn);
    for n in 0..ALTOGETHER {
        let email = format!("guess{n}@example.com");
        assert_eq!(try_it(email, "wrong").await, Outcome::Wrong);
    }
    let next = try_it("next@example.com".to_owned(), "wrong").await;
    assert_eq!(next, Outcome::SlowedDown);
    assert_eq!(try_it(ana(), "right").await, Outcome::LoggedIn);
}

#[tokio::test]
async fn an_account_at_which_many_fail_is_open_to_whom_it_knows() {
    let service = service(
        knowing(Some(account(Principal::Staff))),
        checking(),
        issuing(),
    );
    let try_from = |password, from: String| {
        let service = &service;
        async move { login(service, "ana@example.com", password, &from).await }
    };
    assert_eq!(try_from("right", HERE.to_owned()).await, Outcome::LoggedIn);
    for n in 0..ALTOGETHER {
        let outcome = try_from("wrong", format!("198.51.100.{n}")).await;
        assert_eq!(outcome, Outcome::Wrong);
    }
    let next = try_from("wrong", "203.0.113.5".to_owned()).await;
    assert_eq!(next, Outcome::SlowedDown);
    assert_eq!(try_from("right", HERE.to_owned()).await, Outcome::LoggedIn);
}

#[tokio::test]
async fn who_never_fails_is_never_slowed_down() {
    let service = service(
        knowing(Some(account(Principal::Staff))),
        checking(),
        issuing(),
    );
    for _ in 0..10 * ALTOGETHER {
        let outcome = login(&service, "ana@example.com", "right", HERE).await;
        assert_eq!(outcome, Outcome::LoggedIn);
    }
}
