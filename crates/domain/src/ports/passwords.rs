//! Passwords: hashing and checking.

use async_trait::async_trait;
use thiserror::Error;

use crate::{Password, PasswordHash};

/// Hashes passwords slowly, on purpose. Both methods take about the same, long time.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a password with a salt of its own.
    ///
    /// # Errors
    ///
    /// `Busy` when too many others wait; `Failed` when hashing itself fails.
    async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordHasherError>;

    /// Whether `attempt` is the password behind `hash`. Without a hash the answer is no, and
    /// MUST take as long as with one, so that nobody learns from the time whether an account
    /// exists.
    ///
    /// # Errors
    ///
    /// `Busy` when too many others wait; `Failed` when checking itself fails. Neither MUST be
    /// taken for a yes.
    async fn verify(
        &self,
        attempt: String,
        hash: Option<PasswordHash>,
    ) -> Result<bool, PasswordHasherError>;
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
