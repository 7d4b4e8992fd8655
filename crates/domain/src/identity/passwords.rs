//! Passwords: their rules, and the port that hashes and checks them.

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

use super::ClientAddress;
use crate::values::{Unit, ValueError};

/// A chosen password: 8 characters to 71 bytes of UTF-8. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The fewest characters in a password.
    pub const MIN_CHARACTERS: usize = 8;
    /// The most bytes in a password: what bcrypt reads, less its terminating zero.
    pub const MAX_BYTES: usize = 71;

    /// Reads a password, kept exactly as it was typed.
    ///
    /// # Errors
    ///
    /// When it is too short or too long. A long one is refused, never cut.
    pub fn parse(text: String) -> Result<Self, ValueError> {
        if text.chars().count() < Self::MIN_CHARACTERS {
            return Err(ValueError::TooShort {
                min: Self::MIN_CHARACTERS,
                unit: Unit::Characters,
            });
        }
        if text.len() > Self::MAX_BYTES {
            return Err(ValueError::TooLong {
                max: Self::MAX_BYTES,
                unit: Unit::Bytes,
            });
        }
        Ok(Self(text))
    }

    /// The password in clear, only for the hasher.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A hashed password, in the hasher's own format. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash that a [`PasswordHasher`] made.
    #[must_use]
    pub const fn new(hash: String) -> Self {
        Self(hash)
    }

    /// The hash, only for the hasher and for storage.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Hashes and checks passwords, slowly on purpose. The [`Requester`]s share the permits fairly:
/// however many requests one of them makes, the next permit goes to another. Checking and hashing
/// have separate permits.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a password with a new salt.
    ///
    /// # Errors
    ///
    /// `Busy` when too many requests wait; `Failed` when hashing itself fails.
    async fn hash(
        &self,
        password: Password,
        requester: Requester,
    ) -> Result<PasswordHash, PasswordHasherError>;

    /// Whether an attempt is the password behind a hash. A negative answer MUST take as long as
    /// with the costliest hash of all accounts, whatever the hash and even without one, so that the
    /// time does not reveal whether an account exists.
    ///
    /// # Errors
    ///
    /// `Busy` when too many requests wait; `Failed` when checking itself fails. Neither MUST be
    /// taken for [`Verdict::Right`].
    async fn check(&self, check: PasswordCheck) -> Result<Verdict, PasswordHasherError>;
}

/// The key by which permits are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requester {
    /// All clients with this address.
    Address(ClientAddress),
    /// A client with a recent login, by a hash of its account and address.
    Known(u64),
}

/// A password to be checked.
#[derive(Clone)]
pub struct PasswordCheck {
    /// The password, as it was typed.
    pub attempt: String,
    /// The hash of the account; `None` when there is no account.
    pub hash: Option<PasswordHash>,
    /// The costliest hash of all accounts: one that takes longest to check.
    pub dearest: Option<PasswordHash>,
    /// Whose permit the check uses.
    pub requester: Requester,
}

/// The result of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the password.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, but its hash was made with outdated settings.
    RightButOutdated,
}

/// Why a password was not hashed or not checked.
#[derive(Debug, Error)]
pub enum PasswordHasherError {
    /// Too many requests wait. A later attempt may succeed.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// Hashing itself failed.
    #[error("the password could not be hashed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_eight_characters_to_seventy_one_bytes() {
        let parse = |text: &str| Password::parse(text.to_owned());
        assert!(parse("çãõéíúâê").is_ok());
        assert!(matches!(parse("1234567"), Err(ValueError::TooShort { .. })));
        assert!(parse(&"x".repeat(71)).is_ok());
        assert!(matches!(
            parse(&"x".repeat(72)),
            Err(ValueError::TooLong { max: 71, .. })
        ));
        assert!(matches!(
            parse(&"ã".repeat(36)),
            Err(ValueError::TooLong { max: 71, .. })
        ));
    }

    #[test]
    fn secrets_do_not_print() {
        let password = Password::parse("correct horse".to_owned()).unwrap();
        let hash = PasswordHash::new("$2b$12$abc".to_owned());
        let printed = format!("{password:?} {hash:?}");
        assert!(!printed.contains("correct") && !printed.contains("$2b"));
    }
}
