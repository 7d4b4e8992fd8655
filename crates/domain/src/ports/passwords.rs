//! Passwords: hashing and checking.

use async_trait::async_trait;
use thiserror::Error;

use crate::{ClientAddress, Password, PasswordHash};

/// Hashes passwords slowly, on purpose. Those who ask take turns: however many ask with one
/// [`Asker`], another is next. Checking and hashing have turns of their own.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a password with a salt of its own.
    ///
    /// # Errors
    ///
    /// `Busy` when too many others wait; `Failed` when hashing itself fails.
    async fn hash(
        &self,
        password: Password,
        asker: Asker,
    ) -> Result<PasswordHash, PasswordHasherError>;

    /// Whether an attempt is the password behind a hash. A no MUST take as long as it would take
    /// with the dearest hash that there is, whatever the hash and whether there is one, so that
    /// nobody learns from the time whether an account exists.
    ///
    /// # Errors
    ///
    /// `Busy` when too many others wait; `Failed` when checking itself fails. Neither MUST be
    /// taken for a yes.
    async fn check(&self, check: PasswordCheck) -> Result<Verdict, PasswordHasherError>;
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// Whoever comes from this address.
    Address(ClientAddress),
    /// Somebody who is known to come from there, by a number.
    Known(u64),
}

/// A password that somebody claims to be right.
#[derive(Clone)]
pub struct PasswordCheck {
    /// What was typed.
    pub attempt: String,
    /// What it should match; without an account there is nothing.
    pub hash: Option<PasswordHash>,
    /// Of the hashes of all accounts, one that takes longest to check.
    pub dearest: Option<PasswordHash>,
    /// Who asks.
    pub asker: Asker,
}

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the password.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and its hash is not such as would be made today.
    RightButOutdated,
}

/// Why a password was neither hashed nor checked.
#[derive(Debug, Error)]
pub enum PasswordHasherError {
    /// Too many others wait. A later try may succeed.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// Hashing itself failed.
    #[error("the password could not be hashed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
