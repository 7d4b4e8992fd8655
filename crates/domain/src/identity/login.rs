//! Login: exchanging a password for a session.

use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use time::Duration;

use super::{
    Account, AccountChange, AccountChanges, AccountRepository, Actor, Caller, ClientAddress,
    Device, FailedAttempts, FailureLimit, LiveCredentials, Origin, Password, PasswordCheck,
    PasswordHash, PasswordHasher, PasswordHasherError, Requester, Secret, SessionError,
    SessionService, TokenHash, Tokens, Verdict, recent::Recent,
};
use crate::{Clock, StorageError, unit_of_work::Opened, values::Email};

/// Exchanges passwords for sessions, and for other passwords. Failures are limited for one address at
/// one account, and for one address at all accounts: who guesses slows down nobody else. An address
/// from which an account has logged in recently is exempt from the second limit at that account.
pub struct AuthService {
    accounts: Arc<dyn AccountRepository>,
    changes: Arc<dyn AccountChanges>,
    passwords: Arc<dyn PasswordHasher>,
    sessions: Arc<SessionService>,
    live: Arc<LiveCredentials>,
    clock: Arc<dyn Clock>,
    failed: Arc<dyn FailedAttempts>,
    /// The pairs of an account and an address with a recent login.
    known: Mutex<Recent<()>>,
    /// Addresses and accounts are hashed with it, so that what is counted tells of nobody and no one
    /// can provoke collisions. All who share their counts share it.
    pepper: Secret,
}

/// The most failures per minute of one address at one account.
const AT_ONE_ACCOUNT: u32 = 5;

/// The most failures per minute of one address at all accounts.
const ALTOGETHER: u32 = 60;

/// How long a login from an address is remembered at least.
const KNOWN_FOR: Duration = Duration::DAY;

/// The most pairs of an account and an address that are remembered.
const MAX_KNOWN: usize = 100_000;

/// Why a login, or a change of a password, failed.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The address or the password is wrong. Callers must not learn which of them.
    #[error("the email address or the password is wrong")]
    WrongCredentials,
    /// The password is right, but nobody may log in.
    #[error("the account is disabled")]
    Disabled,
    /// Too many attempts failed recently: this one was not checked.
    #[error("too many attempts have failed")]
    TooManyAttempts {
        /// How long to wait before the next attempt.
        retry_after: Duration,
    },
    /// The password could not be checked.
    #[error(transparent)]
    Passwords(#[from] PasswordHasherError),
    /// The session could not be begun.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuthService {
    /// Counts failures in `failed`, by keys that are hashed with the pepper.
    #[must_use]
    pub fn new(
        (accounts, changes): (Arc<dyn AccountRepository>, Arc<dyn AccountChanges>),
        passwords: Arc<dyn PasswordHasher>,
        sessions: Arc<SessionService>,
        live: Arc<LiveCredentials>,
        clock: Arc<dyn Clock>,
        (failed, pepper): (Arc<dyn FailedAttempts>, Secret),
    ) -> Self {
        Self {
            accounts,
            changes,
            passwords,
            sessions,
            live,
            clock,
            failed,
            known: Mutex::new(Recent::new(KNOWN_FOR, MAX_KNOWN)),
            pepper,
        }
    }

    /// Exchanges an address and a password for a session. A malformed address is treated as an
    /// unknown one: refusing it takes as long as refusing a wrong password.
    ///
    /// # Errors
    ///
    /// `WrongCredentials`, `Disabled`, `TooManyAttempts`, `Passwords`, `Session`, or `Storage`.
    pub async fn login(
        &self,
        email: &str,
        password: String,
        device: Device,
        origin: Arc<Origin>,
    ) -> Result<Tokens, AuthError> {
        let begun = self.try_to_login(email, &password, device.clone(), Arc::clone(&origin));
        match begun.await {
            // It has another password or role by now, or is disabled: what holds is what it is now.
            Err(AuthError::Session(SessionError::AccountChanged)) => {
                self.try_to_login(email, &password, device, origin).await
            }
            done => done,
        }
    }

    async fn try_to_login(
        &self,
        email: &str,
        password: &str,
        device: Device,
        origin: Arc<Origin>,
    ) -> Result<Tokens, AuthError> {
        let account = self.verify(email, password, device.address).await?;
        if account.disabled_at.is_some() {
            return Err(AuthError::Disabled);
        }
        let by = Actor::owner(&account, Some(origin));
        Ok(self.sessions.begin(&account, device, &by).await?)
    }

    /// Gives the caller another password, ends all of its sessions, and begins a new one.
    ///
    /// # Errors
    ///
    /// `WrongCredentials`, `Disabled`, `TooManyAttempts`, `Passwords`, `Session`, or `Storage`.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: String,
        new: Password,
        device: Device,
    ) -> Result<Tokens, AuthError> {
        caller.must_be_logged_in().map_err(SessionError::from)?;
        let found = self.accounts.find(caller.account_id).await?;
        let found = found.ok_or(AuthError::WrongCredentials)?;
        let email = found.email.as_str();
        let verified = self.verify(email, &current, device.address).await?;
        let requester = Requester::Address(device.address);
        let hash = self.passwords.hash(new, requester).await?;
        let opened = self.changes.open(found.id).await?;
        let Opened { state, unit } = opened.ok_or(AuthError::WrongCredentials)?;
        if state.disabled_at.is_some() {
            unit.abandon().await?;
            return Err(AuthError::Disabled);
        }
        if state.password_hash != verified.password_hash {
            // It was changed meanwhile: the current password is no longer this one.
            unit.abandon().await?;
            return Err(AuthError::WrongCredentials);
        }
        let account = state.with_password(hash);
        let prepared = self.sessions.prepare(&account, device);
        let (session, refresh) = prepared.map_err(SessionError::from)?;
        let id = session.id;
        let change = AccountChange::Password {
            account: account.clone(),
            session: Some(Box::new(session)),
            by: caller.into(),
            at: self.clock.now(),
        };
        unit.commit(&change).await.map_err(StorageError::from)?;
        self.live.hear_at_once().await;
        Ok(self.sessions.tokens(id, &account, refresh)?)
    }

    /// The account with this address, if this is its password; else the attempt counts as failed.
    async fn verify(
        &self,
        email: &str,
        password: &str,
        from: ClientAddress,
    ) -> Result<Account, AuthError> {
        let attempt = self.begin(email, from).await?;
        let account = match self.check(email, password, attempt.requester).await {
            Ok(account) => account,
            Err(AuthError::WrongCredentials) => return Err(AuthError::WrongCredentials),
            Err(error) => {
                // The password is not known to be wrong.
                self.forgive(&attempt).await;
                return Err(error);
            }
        };
        self.forgive(&attempt).await;
        self.remember(attempt.pair);
        Ok(account)
    }

    /// Counts an attempt as failed, until it succeeds.
    async fn begin(&self, email: &str, from: ClientAddress) -> Result<Attempt, AuthError> {
        let (address, account) = (from.to_string(), email.to_lowercase());
        let pair = self.key(&[b"pair", address.as_bytes(), b" ", account.as_bytes()]);
        let limit = |key, failures| FailureLimit { key, failures };
        let mut limits = vec![limit(pair, AT_ONE_ACCOUNT)];
        let is_known = self.is_known(pair);
        if !is_known {
            let address = self.key(&[b"address", address.as_bytes()]);
            limits.push(limit(address, ALTOGETHER));
        }
        let begun = self.failed.begin(&limits, self.clock.now()).await;
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

    async fn forgive(&self, attempt: &Attempt) {
        let now = self.clock.now();
        self.failed.forgive(&attempt.limits, now).await;
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
                let renewed = self.hash_again(&account, password, requester).await?;
                Ok(Account {
                    password_hash: renewed.unwrap_or(account.password_hash),
                    ..account
                })
            }
            (None, _) | (_, Verdict::Wrong) => Err(AuthError::WrongCredentials),
        }
    }

    /// Hashes a password with the current settings, and returns the new hash. A password that is too
    /// short or too long for the current rules keeps its old hash, and so does one for which there is
    /// no permit now: a later login tries again.
    async fn hash_again(
        &self,
        account: &Account,
        password: &str,
        requester: Requester,
    ) -> Result<Option<PasswordHash>, AuthError> {
        let Ok(password) = Password::parse(password.to_owned()) else {
            return Ok(None);
        };
        let from = &account.password_hash;
        match self.passwords.hash(password, requester).await {
            Ok(to) => {
                self.accounts.replace_hash(account.id, from, &to).await?;
                Ok(Some(to))
            }
            Err(PasswordHasherError::Busy) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn key(&self, what: &[&[u8]]) -> u64 {
        TokenHash::of(&[&[&self.pepper[..]], what].concat()).short()
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
    limits: Vec<FailureLimit>,
    /// The key of the account and the address together.
    pair: u64,
    requester: Requester,
}

#[cfg(test)]
mod tests;
