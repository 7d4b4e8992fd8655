//! Passwords: what they may be, and the port that hashes and checks them.

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

use super::ClientAddress;
use crate::values::{Unit, ValueError};

/// A password that somebody chose: 8 characters to 71 bytes of UTF-8. It never prints.
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

    /// The password in clear, for the hasher alone.
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

/// A password after hashing, in the hasher's own format. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash that a [`PasswordHasher`] made.
    #[must_use]
    pub const fn new(hash: String) -> Self {
        Self(hash)
    }

    /// The hash, for the hasher and for storage alone.
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

/// Hashes passwords slowly, on purpose. Those who ask take turns: however many ask with one
/// [`Requester`], another is next. Checking and hashing have turns of their own.
#[cfg_attr(test, mockall::automock)]
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
        requester: Requester,
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
pub enum Requester {
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
    pub requester: Requester,
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
