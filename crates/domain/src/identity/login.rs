//! Login: exchanging a password for a token.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use thiserror::Error;
use time::Duration;

use super::{
    AccessToken, Account, AccountRepository, Caller, ClientAddress, Password, PasswordCheck,
    PasswordHasher, PasswordHasherError, Requester, TokenIssuer, TokenNotIssued, Verdict,
    failed_attempts::{FailedAttempts, Limit},
    recent::Recent,
};
use crate::{Clock, StorageError, values::Email};

/// Exchanges passwords for tokens. Failures are limited for one address at one account, for one
/// address at all accounts, and for all addresses at one account. An address from which an account
/// has logged in recently is exempt from the last two limits at that account.
pub struct AuthService {
    accounts: Arc<dyn AccountRepository>,
    passwords: Arc<dyn PasswordHasher>,
    tokens: Arc<dyn TokenIssuer>,
    clock: Arc<dyn Clock>,
    failed: FailedAttempts,
    /// The pairs of an account and an address with a recent login.
    known: Mutex<Recent<()>>,
    /// Hashes addresses and accounts with a random key, so that nobody can provoke collisions.
    keys: RandomState,
}

/// The most failures per minute of one address at one account.
const AT_ONE_ACCOUNT: u32 = 5;

/// The most failures per minute of one address at all accounts, and of all addresses at one
/// account.
const ALTOGETHER: u32 = 60;

/// How long a login from an address is remembered at least.
const KNOWN_FOR: Duration = Duration::DAY;

/// The most pairs of an account and an address that are remembered.
const MAX_KNOWN: usize = 100_000;

/// Why a login failed.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The address or the password is wrong. Callers must not learn which of them.
    #[error("the email address or the password is wrong")]
    WrongCredentials,
    /// Too many attempts failed recently: this one was not checked.
    #[error("too many attempts have failed")]
    TooManyAttempts {
        /// How long to wait before the next attempt.
        retry_after: Duration,
    },
    /// The password could not be checked.
    #[error(transparent)]
    Passwords(#[from] PasswordHasherError),
    /// The token could not be issued.
    #[error(transparent)]
    Token(#[from] TokenNotIssued),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuthService {
    /// Starts without recorded failures and logins.
    #[must_use]
    pub fn new(
        accounts: Arc<dyn AccountRepository>,
        passwords: Arc<dyn PasswordHasher>,
        tokens: Arc<dyn TokenIssuer>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            accounts,
            passwords,
            tokens,
            clock,
            failed: FailedAttempts::new(),
            known: Mutex::new(Recent::new(KNOWN_FOR, MAX_KNOWN)),
            keys: RandomState::new(),
        }
    }

    /// Exchanges an address and a password for a token. A malformed address is treated as an
    /// unknown one: refusing it takes as long as refusing a wrong password.
    ///
    /// # Errors
    ///
    /// `WrongCredentials`, `TooManyAttempts`, `Passwords`, `Token`, or `Storage`.
    pub async fn login(
        &self,
        email: &str,
        password: String,
        from: ClientAddress,
    ) -> Result<AccessToken, AuthError> {
        let attempt = self.begin(email, from)?;
        let account = match self.check(email, &password, attempt.requester).await {
            Ok(account) => account,
            Err(AuthError::WrongCredentials) => return Err(AuthError::WrongCredentials),
            Err(error) => {
                // The password is not known to be wrong.
                self.failed.forgive(&attempt.limits);
                return Err(error);
            }
        };
        self.failed.forgive(&attempt.limits);
        self.remember(attempt.pair);
        Ok(self
            .tokens
            .issue(&Caller::new(account.id, account.principal))?)
    }

    /// Counts an attempt as failed, until it succeeds.
    fn begin(&self, email: &str, from: ClientAddress) -> Result<Attempt, AuthError> {
        let account = email.to_lowercase();
        let pair = self.key(("pair", from, &account));
        let (address, account) = (self.key(("address", from)), self.key(("account", &account)));
        let limit = |key, failures| Limit { key, failures };
        let mut limits = vec![limit(pair, AT_ONE_ACCOUNT)];
        let is_known = self.is_known(pair);
        if !is_known {
            limits.extend([limit(address, ALTOGETHER), limit(account, ALTOGETHER)]);
        }
        let begun = self.failed.begin(&limits, self.clock.now());
        begun.map_err(|retry_after| AuthError::TooManyAttempts { retry_after })?;
        Ok(Attempt {
            limits,
            pair,
            requester: if is_known {
                Requester::Known(pair)
            } else {
                Requester::Address(from)
            },
        })
    }

    /// The account, if the password is right. An outdated hash is replaced.
    async fn check(
        &self,
        email: &str,
        password: &str,
        requester: Requester,
    ) -> Result<Account, AuthError> {
        let account = match Email::parse(email) {
            Ok(email) => self.accounts.find_by_email(&email).await?,
            Err(_) => None,
        };
        let verdict = self.passwords.check(PasswordCheck {
            attempt: password.to_owned(),
            hash: account
                .as_ref()
                .map(|account| account.password_hash.clone()),
            dearest: self.accounts.dearest_hash().await?,
            requester,
        });
        match (account, verdict.await?) {
            (Some(account), Verdict::Right) => Ok(account),
            (Some(account), Verdict::RightButOutdated) => {
                self.hash_again(&account, password, requester).await?;
                Ok(account)
            }
            (None, _) | (_, Verdict::Wrong) => Err(AuthError::WrongCredentials),
        }
    }

    /// Hashes a password with the current settings. A password that is too short or too long for
    /// the current rules keeps its old hash, and so does one for which there is no permit now: a
    /// later login tries again.
    async fn hash_again(
        &self,
        account: &Account,
        password: &str,
        requester: Requester,
    ) -> Result<(), AuthError> {
        let Ok(password) = Password::parse(password.to_owned()) else {
            return Ok(());
        };
        let from = &account.password_hash;
        match self.passwords.hash(password, requester).await {
            Ok(to) => Ok(self.accounts.replace_hash(account.id, from, &to).await?),
            Err(PasswordHasherError::Busy) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn key(&self, what: impl Hash) -> u64 {
        self.keys.hash_one(what)
    }

    fn is_known(&self, pair: u64) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.rotate(self.clock.now());
        known.now().contains_key(&pair) || known.before().contains_key(&pair)
    }

    fn remember(&self, pair: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.rotate(self.clock.now());
        known.now().insert(pair, ());
    }
}

/// A login attempt, which counts as failed until it succeeds.
struct Attempt {
    limits: Vec<Limit>,
    /// The key of the account and the address together.
    pair: u64,
    requester: Requester,
}

#[cfg(test)]
mod tests;
