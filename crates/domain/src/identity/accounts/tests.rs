//! The use cases of accounts against mocked ports.

use super::*;
use crate::{
    fixtures::{account, caller, clock, email, ids, live_credentials, origin},
    identity::{
        MockAccountChanges, MockAccountRepository, MockPasswordHasher, MockSecretSource, Principal,
    },
    unit_of_work::MockUnitOfWork,
};

fn service(accounts: MockAccountRepository, changes: MockAccountChanges) -> AccountService {
    let mut passwords = MockPasswordHasher::new();
    passwords
        .expect_hash()
        .returning(|_, _| Ok(PasswordHash::new("hashed anew".to_owned())));
    let mut secrets = MockSecretSource::new();
    secrets.expect_secret().returning(|| Ok([7; 16]));
    AccountService::new(
        (Arc::new(accounts), Arc::new(changes)),
        live_credentials(),
        Arc::new(passwords),
        Arc::new(secrets),
        (clock(), ids()),
    )
}

fn password() -> Password {
    Password::parse("long enough".to_owned()).unwrap()
}

fn new_account(password: Option<Password>) -> NewAccount {
    NewAccount {
        email: email("boss@example.com"),
        role: ShopRole::Admin,
        password,
    }
}

#[tokio::test]
async fn a_new_account_keeps_the_hash_and_not_the_password() {
    for password in [Some(password()), None] {
        let mut accounts = MockAccountRepository::new();
        accounts
            .expect_insert()
            .withf(|account, _| account.password_hash.expose() == "hashed anew")
            .times(1)
            .returning(|_, _| Ok(()));
        let made = service(accounts, MockAccountChanges::new())
            .create(
                &caller(Principal::Admin),
                new_account(password),
                ClientAddress::LOCAL,
            )
            .await
            .unwrap();
        assert_eq!(made.principal, Principal::Admin);
    }
}

#[tokio::test]
async fn a_taken_address_is_refused() {
    let mut accounts = MockAccountRepository::new();
    accounts
        .expect_insert()
        .returning(|_, _| Err(InsertAccountError::EmailTaken));
    let refused = service(accounts, MockAccountChanges::new())
        .create(
            &caller(Principal::Admin),
            new_account(Some(password())),
            ClientAddress::LOCAL,
        )
        .await;
    assert!(matches!(refused, Err(AccountError::EmailTaken)));
}

#[tokio::test]
async fn only_administrators_manage_accounts() {
    let service = service(MockAccountRepository::new(), MockAccountChanges::new());
    let staff = caller(Principal::Staff);
    let id = account(Principal::Staff).id;
    let address = email("ana@example.com");
    let (edit, any) = (AccountEdit::default(), Expected::Any);
    let refused = [
        service
            .create(&staff, new_account(None), ClientAddress::LOCAL)
            .await
            .err(),
        service.get(&staff, id).await.err(),
        service.edit(&staff, id, edit, &any).await.err(),
        service.offer_reset(&staff, id).await.err(),
        service
            .reset_password(&staff, &address, password())
            .await
            .err(),
    ];
    for error in refused {
        assert!(
            matches!(error, Some(AccountError::Forbidden(_))),
            "{error:?}"
        );
    }
}

/// The changes of an account, of which this many are committed.
fn changes(commits: usize) -> MockUnitOfWork<AccountChange> {
    let mut unit = MockUnitOfWork::new();
    unit.expect_commit().times(commits).returning(|_| Ok(()));
    unit.expect_abandon()
        .times(1 - commits)
        .returning(|| Ok(()));
    unit
}

#[tokio::test]
async fn the_last_administrator_is_neither_demoted_nor_disabled() {
    for (other_admins, commits) in [(0, 0), (1, 1)] {
        let mut ports = MockAccountChanges::new();
        ports
            .expect_open_among_admins()
            .times(1)
            .returning(move |_| {
                Ok(Some(Opened {
                    state: AmongAdmins {
                        account: account(Principal::Admin),
                        other_admins,
                    },
                    unit: Box::new(changes(commits)),
                }))
            });
        let admin = caller(Principal::Admin);
        let edit = AccountEdit {
            role: None,
            disabled: Some(true),
        };
        let edited = service(MockAccountRepository::new(), ports)
            .edit(&admin, admin.account_id, edit, &Expected::Any)
            .await;
        assert_eq!(edited.is_ok(), commits == 1);
        if let Err(error) = edited {
            assert!(matches!(error, AccountError::LastAdmin));
        }
    }
}

#[tokio::test]
async fn no_password_is_hashed_for_a_token_that_is_none() {
    let mut ports = MockAccountChanges::new();
    ports
        .expect_may_reset()
        .times(1)
        .returning(|_, _| Ok(false));
    let service = AccountService {
        passwords: Arc::new(MockPasswordHasher::new()),
        ..service(MockAccountRepository::new(), ports)
    };
    let token = ResetToken::from_bytes(&[1; 32]).unwrap();
    let redeemed = service.redeem_reset(&token, password(), origin()).await;
    assert!(matches!(redeemed, Err(AccountError::InvalidToken)));
}

#[tokio::test]
async fn a_password_is_reset_only_of_an_account_that_is_there() {
    let mut accounts = MockAccountRepository::new();
    accounts.expect_find_by_email().returning(|_| Ok(None));
    let refused = service(accounts, MockAccountChanges::new())
        .reset_password(
            &caller(Principal::Admin),
            &email("gone@example.com"),
            password(),
        )
        .await;
    assert!(matches!(refused, Err(AccountError::NotFound)));
}
