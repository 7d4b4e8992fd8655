//! The login use case against mocked ports.

use std::{net::IpAddr, time::Duration as StdDuration};

use super::*;
use crate::{
    fixtures::{account, clock, ids, live_credentials, logged_in, now, origin, storage_is_down},
    identity::{
        AccessToken, FailedAttemptsHere, MockAccountChanges, MockAccountRepository,
        MockPasswordHasher, MockSecretSource, MockSessionRepository, MockTokenIssuer, PasswordHash,
        Principal, SessionLifetime,
    },
    unit_of_work::MockUnitOfWork,
};

fn service(accounts: MockAccountRepository, passwords: MockPasswordHasher) -> AuthService {
    changing(accounts, passwords, MockAccountChanges::new())
}

fn changing(
    mut accounts: MockAccountRepository,
    passwords: MockPasswordHasher,
    changes: MockAccountChanges,
) -> AuthService {
    accounts
        .expect_dearest_hash()
        .returning(|| Ok(Some(PasswordHash::new("the dearest".to_owned()))));
    AuthService::new(
        (Arc::new(accounts), Arc::new(changes)),
        Arc::new(passwords),
        Arc::new(sessions()),
        live_credentials(),
        clock(),
        (Arc::new(FailedAttemptsHere::default()), [7; 16]),
    )
}

/// Sessions of accounts whose hash is "hashed", and which have not changed meanwhile.
fn sessions() -> SessionService {
    let mut sessions = MockSessionRepository::new();
    sessions
        .expect_insert()
        .returning(|session, of, _| Ok(session.account_id == of.id));
    let mut secrets = MockSecretSource::new();
    secrets.expect_secret().returning(|| Ok([7; 16]));
    let mut tokens = MockTokenIssuer::new();
    tokens.expect_issue().returning(|caller| {
        Ok(AccessToken {
            token: format!("{} {:?}", caller.account_id, caller.principal),
            expires_in: StdDuration::from_mins(15),
        })
    });
    let lifetime = SessionLifetime {
        idle: Duration::days(7),
        total: Duration::days(30),
    };
    SessionService::new(
        Arc::new(sessions),
        live_credentials(),
        Arc::new(tokens),
        Arc::new(secrets),
        (clock(), ids()),
        lifetime,
    )
}

fn knowing(known: Option<Account>) -> MockAccountRepository {
    let mut accounts = MockAccountRepository::new();
    accounts
        .expect_find_by_email()
        .returning(move |_| Ok(known.clone()));
    accounts
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

fn device_at(address: &str) -> Device {
    Device {
        address: ClientAddress::new(address.parse::<IpAddr>().unwrap()),
        user_agent: None,
    }
}

async fn login(service: &AuthService, email: &str, password: &str, from: &str) -> Outcome {
    let from = device_at(from);
    match service
        .login(email, password.to_owned(), from, origin())
        .await
    {
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
async fn the_right_password_is_exchanged_for_tokens_of_that_account() {
    let known = account(Principal::Staff);
    let tokens = service(knowing(Some(known.clone())), checking())
        .login(
            "ana@example.com",
            "right".to_owned(),
            device_at(HERE),
            origin(),
        )
        .await
        .unwrap();
    assert_eq!(tokens.access.token, format!("{} Staff", known.id));
}

#[tokio::test]
async fn nobody_logs_in_to_an_account_that_is_disabled_and_only_who_has_the_password_hears_it() {
    let disabled = Account {
        disabled_at: Some(now()),
        ..account(Principal::Staff)
    };
    let service = service(knowing(Some(disabled)), checking());
    let login = |password: &str| {
        service.login(
            "ana@example.com",
            password.to_owned(),
            device_at(HERE),
            origin(),
        )
    };
    let right = login("right").await;
    assert!(matches!(right, Err(AuthError::Disabled)));
    let wrong = login("wrong").await;
    assert!(matches!(wrong, Err(AuthError::WrongCredentials)));
}

#[tokio::test]
async fn another_password_ends_all_sessions_and_begins_one() {
    let known = account(Principal::Staff);
    let mut accounts = knowing(Some(known.clone()));
    let found = known.clone();
    accounts
        .expect_find()
        .returning(move |_| Ok(Some(found.clone())));
    let mut passwords = checking();
    passwords
        .expect_hash()
        .returning(|_, _| Ok(PasswordHash::new("hashed anew".to_owned())));
    let mut changes = MockAccountChanges::new();
    changes.expect_open().times(1).returning(move |_| {
        let mut unit = MockUnitOfWork::new();
        let before = known.clone();
        unit.expect_commit()
            .withf(move |change| {
                let AccountChange::Password {
                    account, session, ..
                } = change
                else {
                    return false;
                };
                account.password_hash.expose() == "hashed anew"
                    && account.version > before.version
                    && session.is_some()
            })
            .times(1)
            .returning(|_| Ok(()));
        Ok(Some(Opened {
            state: known.clone(),
            unit: Box::new(unit),
        }))
    });
    let service = changing(accounts, passwords, changes);
    let new = || Password::parse("long enough".to_owned()).unwrap();
    let caller = logged_in(Principal::Staff);
    let change = |current: &str| {
        service.change_password(&caller, current.to_owned(), new(), device_at(HERE))
    };
    assert!(change("right").await.is_ok());
    let wrong = change("wrong").await;
    assert!(matches!(wrong, Err(AuthError::WrongCredentials)));
}

/// Changes the password of an account that is like this by the time it is locked, which must be let go.
async fn changed_while(locked: impl FnOnce(Account) -> Account) -> Result<Tokens, AuthError> {
    let known = account(Principal::Staff);
    let mut accounts = knowing(Some(known.clone()));
    let found = known.clone();
    accounts
        .expect_find()
        .returning(move |_| Ok(Some(found.clone())));
    let mut passwords = checking();
    passwords
        .expect_hash()
        .returning(|_, _| Ok(PasswordHash::new("hashed anew".to_owned())));
    let locked = locked(known);
    let mut changes = MockAccountChanges::new();
    changes.expect_open().returning(move |_| {
        let mut unit = MockUnitOfWork::new();
        unit.expect_abandon().times(1).returning(|| Ok(()));
        Ok(Some(Opened {
            state: locked.clone(),
            unit: Box::new(unit),
        }))
    });
    let new = Password::parse("long enough".to_owned()).unwrap();
    let caller = logged_in(Principal::Staff);
    let current = "right".to_owned();
    changing(accounts, passwords, changes)
        .change_password(&caller, current, new, device_at(HERE))
        .await
}

#[tokio::test]
async fn an_account_that_is_disabled_meanwhile_gets_no_other_password_and_no_session() {
    let refused = changed_while(|account| Account {
        disabled_at: Some(now()),
        ..account
    });
    assert!(matches!(refused.await, Err(AuthError::Disabled)));
}

#[tokio::test]
async fn of_two_changes_of_one_password_at_once_the_second_is_refused() {
    let refused = changed_while(|account| {
        account.with_password(PasswordHash::new("the first one's".to_owned()))
    });
    assert!(matches!(refused.await, Err(AuthError::WrongCredentials)));
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
        let service = service(knowing(known), passwords);
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
    let service = service(accounts, MockPasswordHasher::new());
    for _ in 0..100 {
        let failed = service
            .login(
                "ana@example.com",
                "right".to_owned(),
                device_at(HERE),
                origin(),
            )
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
    let service = service(accounts, passwords);
    let outcome = login(&service, "ana@example.com", "long enough", HERE).await;
    assert_eq!(outcome, Outcome::LoggedIn);
}

#[tokio::test]
async fn who_fails_is_slowed_down_and_nobody_elsewhere_is() {
    let service = service(knowing(Some(account(Principal::Staff))), checking());
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
    let service = service(knowing(Some(account(Principal::Staff))), checking());
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
async fn an_account_at_which_many_fail_is_open_to_everybody_else() {
    let service = service(knowing(Some(account(Principal::Staff))), checking());
    let try_from = |password, from: String| {
        let service = &service;
        async move { login(service, "ana@example.com", password, &from).await }
    };
    for n in 0..10 * ALTOGETHER {
        let outcome = try_from("wrong", format!("198.51.{}.{}", n / 250, n % 250)).await;
        assert_eq!(outcome, Outcome::Wrong);
    }
    let elsewhere = try_from("right", "203.0.113.5".to_owned()).await;
    assert_eq!(elsewhere, Outcome::LoggedIn);
}

#[tokio::test]
async fn who_never_fails_is_never_slowed_down() {
    let service = service(knowing(Some(account(Principal::Staff))), checking());
    for _ in 0..10 * ALTOGETHER {
        let outcome = login(&service, "ana@example.com", "right", HERE).await;
        assert_eq!(outcome, Outcome::LoggedIn);
    }
}
