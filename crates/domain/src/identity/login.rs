//! Logging in.

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

/// Exchanges passwords for tokens. Whoever fails is slowed down: an address that fails at one
/// account, an address that fails at many, and an account at which many fail. Who has logged in
/// from an address lately is not taken for the others who fail there, or at that account.
pub struct AuthService {
    accounts: Arc<dyn AccountRepository>,
    passwords: Arc<dyn PasswordHasher>,
    tokens: Arc<dyn TokenIssuer>,
    clock: Arc<dyn Clock>,
    failed: FailedAttempts,
    /// Who has logged in lately, and from where.
    known: Mutex<Recent<()>>,
    /// Makes keys of addresses and accounts that nobody can choose to be the same.
    keys: RandomState,
}

/// The most failures a minute of one address at one account.
const AT_ONE_ACCOUNT: u32 = 5;

/// The most failures a minute of one address, and at one account.
const ALTOGETHER: u32 = 60;

/// How long it is remembered at least that somebody has logged in from an address.
const KNOWN_FOR: Duration = Duration::DAY;

/// The most pairs of an account and an address that are remembered.
const MAX_KNOWN: usize = 100_000;

/// Why nobody was logged in.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The address or the password is wrong; which of them is nobody's business.
    #[error("the email address or the password is wrong")]
    WrongCredentials,
    /// Too many attempts have failed lately: this one was not looked at.
    #[error("too many attempts have failed")]
    TooManyAttempts {
        /// When the next one may succeed.
        retry_after: Duration,
    },
    /// The password could not be checked.
    #[error(transparent)]
    Passwords(#[from] PasswordHasherError),
    /// The token could not be made.
    #[error(transparent)]
    Token(#[from] TokenNotIssued),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuthService {
    /// Nobody has failed or logged in yet.
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

    /// Exchanges an address and a password for a token. What is no address belongs to nobody,
    /// and takes as long to be refused as a wrong password.
    ///
    /// # Errors
    ///
    /// `WrongCredentials` or `TooManyAttempts`, or what the ports fail with.
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
                // It is not known to be wrong.
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

    /// Counts an attempt as failed, until it has succeeded.
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

    /// The account, if the password is right. A hash that is not such as would be made today is
    /// replaced.
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

    /// Hashes a password as it would be hashed today. One that is too short or too long for that
    /// keeps its hash, and so does one for which there is no turn now: a later login will do.
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
        known.turn(self.clock.now());
        known.now().contains_key(&pair) || known.before().contains_key(&pair)
    }

    fn remember(&self, pair: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.turn(self.clock.now());
        known.now().insert(pair, ());
    }
}

/// An attempt to log in, which counts as failed for now.
struct Attempt {
    limits: Vec<Limit>,
    /// The account, and the address from which it is tried.
    pair: u64,
    requester: Requester,
}

#[cfg(test)]
mod tests;
