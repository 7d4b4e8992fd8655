//! Accounts for the shop's staff, and new passwords for everybody. A customer's account is created with its customer: see
//! [`crate::customers::CustomerService`].

use std::sync::Arc;

use thiserror::Error;

use super::{
    Account, AccountId, AccountRepository, ClientAddress, InsertAccountError, Password,
    PasswordHash, PasswordHasher, PasswordHasherError, Principal, Requester,
};
use crate::{Clock, IdSource, StorageError, values::Email};

/// Creates accounts for the shop's staff, and resets passwords.
pub struct AccountService {
    accounts: Arc<dyn AccountRepository>,
    passwords: Arc<dyn PasswordHasher>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// Why an account was not created, or its password not reset.
#[derive(Debug, Error)]
pub enum AccountError {
    /// There is no such account.
    #[error("there is no account with this address")]
    NotFound,
    /// Another account has this address.
    #[error("the email address is taken")]
    EmailTaken,
    /// The password could not be hashed.
    #[error(transparent)]
    Passwords(#[from] PasswordHasherError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AccountService {
    /// Stores accounts in `accounts`.
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountRepository>,
        passwords: Arc<dyn PasswordHasher>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self {
            accounts,
            passwords,
            clock,
            ids,
        }
    }

    /// Creates an account for somebody who runs the shop or works in it.
    ///
    /// # Errors
    ///
    /// `EmailTaken`, `Passwords`, or `Storage`.
    pub async fn create(
        &self,
        email: Email,
        password: Password,
        principal: Principal,
    ) -> Result<Account, AccountError> {
        let account = Account {
            id: AccountId::new(self.ids.next_id()),
            email,
            password_hash: self.hash(password).await?,
            principal,
            created_at: self.clock.now(),
        };
        match self.accounts.insert(&account).await {
            Ok(()) => Ok(account),
            Err(InsertAccountError::EmailTaken) => Err(AccountError::EmailTaken),
            Err(InsertAccountError::Storage(error)) => Err(error.into()),
        }
    }

    /// Gives an account another password, whoever's it is: of the shop or of a customer.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Passwords`, or `Storage`.
    pub async fn reset_password(
        &self,
        email: &Email,
        password: Password,
    ) -> Result<Account, AccountError> {
        let hash = self.hash(password).await?;
        let account = self.accounts.set_hash(email, &hash).await?;
        account.ok_or(AccountError::NotFound)
    }

    /// Hashes a password for a user of the command line.
    async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordHasherError> {
        let requester = Requester::Address(ClientAddress::LOCAL);
        self.passwords.hash(password, requester).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixtures::{clock, email, ids},
        identity::{MockAccountRepository, MockPasswordHasher},
    };

    fn service(accounts: MockAccountRepository) -> AccountService {
        let mut passwords = MockPasswordHasher::new();
        passwords
            .expect_hash()
            .returning(|_, _| Ok(PasswordHash::new("hashed".to_owned())));
        AccountService::new(Arc::new(accounts), Arc::new(passwords), clock(), ids())
    }

    fn password() -> Password {
        Password::parse("long enough".to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_new_account_keeps_the_hash_and_not_the_password() {
        let mut accounts = MockAccountRepository::new();
        accounts
            .expect_insert()
            .withf(|account| account.password_hash.expose() == "hashed")
            .times(1)
            .returning(|_| Ok(()));
        let made = service(accounts)
            .create(email("boss@example.com"), password(), Principal::Admin)
            .await
            .unwrap();
        assert_eq!(made.principal, Principal::Admin);
    }

    #[tokio::test]
    async fn a_password_that_is_reset_is_kept_as_its_hash_and_only_of_an_account_that_is_there() {
        let mut accounts = MockAccountRepository::new();
        accounts
            .expect_set_hash()
            .withf(|email, hash| email.as_str() == "gone@example.com" && hash.expose() == "hashed")
            .times(1)
            .returning(|_, _| Ok(None));
        let refused = service(accounts)
            .reset_password(&email("gone@example.com"), password())
            .await;
        assert!(matches!(refused, Err(AccountError::NotFound)));
    }

    #[tokio::test]
    async fn a_taken_address_is_refused() {
        let mut accounts = MockAccountRepository::new();
        accounts
            .expect_insert()
            .returning(|_| Err(InsertAccountError::EmailTaken));
        let refused = service(accounts)
            .create(email("boss@example.com"), password(), Principal::Staff)
            .await;
        assert!(matches!(refused, Err(AccountError::EmailTaken)));
    }
}
