//! Logging in.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    Caller, Email, StorageError,
    ports::{
        AccessToken, AccountRepository, PasswordHasher, PasswordHasherError, TokenError, Tokens,
    },
};

/// Exchanges passwords for tokens.
pub struct AuthService {
    accounts: Arc<dyn AccountRepository>,
    passwords: Arc<dyn PasswordHasher>,
    tokens: Arc<dyn Tokens>,
}

/// Why nobody was logged in.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The address or the password is wrong; which of them is nobody's business.
    #[error("the email address or the password is wrong")]
    WrongCredentials,
    /// The password could not be checked.
    #[error(transparent)]
    Passwords(#[from] PasswordHasherError),
    /// The token could not be made.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuthService {
    /// Joins the ports.
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountRepository>,
        passwords: Arc<dyn PasswordHasher>,
        tokens: Arc<dyn Tokens>,
    ) -> Self {
        Self {
            accounts,
            passwords,
            tokens,
        }
    }

    /// Exchanges an address and a password for a token. What is no address belongs to nobody,
    /// and takes as long to be refused as a wrong password.
    ///
    /// # Errors
    ///
    /// `WrongCredentials`, or what the ports fail with.
    pub async fn login(&self, email: &str, password: String) -> Result<AccessToken, AuthError> {
        let account = match Email::parse(email) {
            Ok(email) => self.accounts.find_by_email(&email).await?,
            Err(_) => None,
        };
        let hash = account
            .as_ref()
            .map(|account| account.password_hash.clone());
        let is_right = self.passwords.verify(password, hash).await?;
        let account = account
            .filter(|_| is_right)
            .ok_or(AuthError::WrongCredentials)?;
        Ok(self.tokens.issue(&Caller {
            account_id: account.id,
            principal: account.principal,
        })?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        Principal,
        fixtures::{account, storage_is_down},
        ports::{MockAccountRepository, MockPasswordHasher, MockTokens},
    };

    fn service(
        accounts: MockAccountRepository,
        passwords: MockPasswordHasher,
        tokens: MockTokens,
    ) -> AuthService {
        AuthService::new(Arc::new(accounts), Arc::new(passwords), Arc::new(tokens))
    }

    #[tokio::test]
    async fn the_right_password_is_exchanged_for_a_token_of_that_account() {
        let known = account(Principal::Staff);
        let expected = Caller {
            account_id: known.id,
            principal: Principal::Staff,
        };
        let mut accounts = MockAccountRepository::new();
        accounts
            .expect_find_by_email()
            .returning(move |_| Ok(Some(known.clone())));
        let mut passwords = MockPasswordHasher::new();
        passwords
            .expect_verify()
            .withf(|attempt, hash| attempt == "right" && hash.is_some())
            .returning(|_, _| Ok(true));
        let mut tokens = MockTokens::new();
        tokens
            .expect_issue()
            .withf(move |caller| *caller == expected)
            .returning(|_| {
                Ok(AccessToken {
                    token: "token".to_owned(),
                    expires_in: Duration::from_mins(15),
                })
            });
        let token = service(accounts, passwords, tokens)
            .login("ana@example.com", "right".to_owned())
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
            let mut accounts = MockAccountRepository::new();
            accounts
                .expect_find_by_email()
                .returning(move |_| Ok(known.clone()));
            let mut passwords = MockPasswordHasher::new();
            passwords
                .expect_verify()
                .withf(move |_, hash| hash.is_some() == has_account)
                .times(1)
                .returning(|_, _| Ok(false));
            let refused = service(accounts, passwords, MockTokens::new())
                .login(address, "wrong".to_owned())
                .await;
            assert!(matches!(refused, Err(AuthError::WrongCredentials)));
        }
    }

    #[tokio::test]
    async fn a_storage_failure_is_not_taken_for_a_wrong_password() {
        let mut accounts = MockAccountRepository::new();
        accounts
            .expect_find_by_email()
            .returning(|_| Err(storage_is_down()));
        let failed = service(accounts, MockPasswordHasher::new(), MockTokens::new())
            .login("ana@example.com", "right".to_owned())
            .await;
        assert!(matches!(failed, Err(AuthError::Storage(_))));
    }
}
