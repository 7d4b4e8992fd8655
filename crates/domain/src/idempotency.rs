//! Idempotency: the key by which a repeated request is recognised, and the fingerprint of what it
//! asked for.

use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{
    identity::AccountId,
    values::{Unit, ValueError},
};

/// The client's name for one request, by which a repeat is recognised: 1 to 255 visible ASCII
/// characters (`draft-ietf-httpapi-idempotency-key-header`, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// How long a key is kept at least.
    pub const LIFETIME: Duration = Duration::hours(24);

    /// The most characters in a key.
    pub const MAX_CHARACTERS: usize = 255;

    /// Accepts 1 to 255 visible ASCII characters.
    ///
    /// # Errors
    ///
    /// When it is blank, too long, or holds anything but visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::Blank);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ValueError::Malformed {
                expected: "visible ASCII characters, such as those of a UUID",
            });
        }
        if text.len() > Self::MAX_CHARACTERS {
            return Err(ValueError::TooLong {
                max: Self::MAX_CHARACTERS,
                unit: Unit::Characters,
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A digest of what a request asked for: equal requests have equal fingerprints.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a request that consists of these fields: SHA-256 over each and its
    /// length, in their sequence.
    #[must_use]
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            hash.update(field.len().to_be_bytes());
            hash.update(field);
        }
        Self(hash.finalize().into())
    }

    /// The fingerprint of fixed-length fields, which need no lengths between them.
    pub(crate) const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Accepts a stored fingerprint.
    ///
    /// # Errors
    ///
    /// When it is not 32 bytes long.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, ValueError> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| ValueError::Malformed {
                expected: "32 bytes",
            })
    }

    /// The bytes, for storage.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// A key within the scope of its account: each account has keys of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopedKey {
    /// The account that sent the request.
    pub account_id: AccountId,
    /// The key that the account gave it.
    pub key: IdempotencyKey,
}

/// The creation of an entity that is not an order, under a key: it is created once, however often
/// the request is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreationKey {
    /// The account that sent the request; `None` of somebody who signs up.
    pub account_id: Option<AccountId>,
    /// The key that it gave the request.
    pub key: IdempotencyKey,
    /// What it asked for.
    pub fingerprint: Fingerprint,
}

/// What was created under a key. With the request, which is the same, it makes up the answer to a
/// repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Creation {
    /// What was asked for.
    pub fingerprint: Fingerprint,
    /// The id of the entity.
    pub id: Uuid,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

/// The key was used for another request before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the idempotency key stands for another request")]
pub struct KeyReused;

impl CreationKey {
    /// The creation, if it answers this request.
    ///
    /// # Errors
    ///
    /// When the key stands for another request.
    pub fn replay(&self, earlier: Option<Creation>) -> Result<Option<Creation>, KeyReused> {
        match earlier {
            Some(earlier) if earlier.fingerprint != self.fingerprint => Err(KeyReused),
            earlier => Ok(earlier),
        }
    }
}

/// The answer to the creation of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created<T> {
    /// The entity as it was when it was created.
    pub entity: T,
    /// Whether an earlier request with the same key created it.
    pub is_replay: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_at_most_255_characters() {
        assert!(IdempotencyKey::parse("8e03978e-40d5-43e8-bc93-6894a57f9324").is_ok());
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
        for text in ["", "a b", "ã", "a\n", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn fields_do_not_run_into_one_another() {
        let of = |fields: &[&str]| Fingerprint::of(fields.iter().map(|field| field.as_bytes()));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
    }
}
