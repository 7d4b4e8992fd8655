//! Idempotency: the key by which a repeated request is recognised, and the fingerprint of what it
//! asked for.

use std::fmt;

use sha2::{Digest, Sha256};
use time::Duration;

use super::NewOrder;
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
    /// The fingerprint of an order: SHA-256 over the customer and the lines, in their sequence.
    #[must_use]
    pub fn of(order: &NewOrder) -> Self {
        let mut hash = Sha256::new();
        hash.update(order.customer_id().as_uuid());
        for line in order.lines() {
            hash.update(line.product_id.as_uuid());
            hash.update(line.quantity.units().to_be_bytes());
        }
        Self(hash.finalize().into())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::new_order;

    #[test]
    fn a_key_is_visible_ascii_of_at_most_255_characters() {
        assert!(IdempotencyKey::parse("8e03978e-40d5-43e8-bc93-6894a57f9324").is_ok());
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
        for text in ["", "a b", "ã", "a\n", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_requests_that_ask_for_the_same_have_the_same_fingerprint() {
        let print = |customer, lines: &[(u128, i64)]| Fingerprint::of(&new_order(customer, lines));
        assert_eq!(print(1, &[(1, 2), (2, 3)]), print(1, &[(1, 2), (2, 3)]));
        // Two lines of one product are one line with their sum.
        assert_eq!(print(1, &[(1, 1), (1, 1)]), print(1, &[(1, 2)]));
        for other in [
            print(2, &[(1, 2), (2, 3)]),
            print(1, &[(1, 2)]),
            print(1, &[(1, 2), (2, 4)]),
            print(1, &[(2, 3), (1, 2)]),
        ] {
            assert_ne!(print(1, &[(1, 2), (2, 3)]), other);
        }
    }
}
