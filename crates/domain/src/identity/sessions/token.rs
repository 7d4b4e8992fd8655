//! Refresh tokens: random, and stored as hashes alone.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::SessionId;
use crate::identity::Secret;

/// A refresh token: the session, a secret that all tokens of the session have, and one of its own.
/// The first tells a token that was replaced from one that never was. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    session_id: SessionId,
    family: Secret,
    own: Secret,
}

/// The hash of a token, which is random enough for a fast one (SHA-256).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of these parts of a token.
    #[must_use]
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let hash = parts.iter().fold(Sha256::new(), Sha256::chain_update);
        Self(hash.finalize().into())
    }

    /// Some bytes of the hash, to find it by.
    #[must_use]
    pub(crate) fn short(&self) -> u64 {
        let first = self.0.first_chunk().copied();
        u64::from_be_bytes(first.unwrap_or_default())
    }

    /// A hash from storage.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash, for storage.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl RefreshToken {
    /// The length of a token, in bytes.
    pub const BYTES: usize = 48;

    /// The first token of a session.
    #[must_use]
    pub(super) const fn new(session_id: SessionId, family: Secret, own: Secret) -> Self {
        Self {
            session_id,
            family,
            own,
        }
    }

    /// Reads a token; `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, secrets) = bytes.split_first_chunk()?;
        let (family, own) = secrets.split_first_chunk()?;
        Some(Self {
            session_id: SessionId::new(Uuid::from_bytes(*id)),
            family: *family,
            own: own.try_into().ok()?,
        })
    }

    /// The token in clear, only for its owner.
    #[must_use]
    pub fn expose(&self) -> Vec<u8> {
        [*self.session_id.as_uuid().as_bytes(), self.family, self.own].concat()
    }

    /// The session.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The hash of what all tokens of the session have in common.
    #[must_use]
    pub(super) fn family_hash(&self) -> TokenHash {
        TokenHash::of(&[self.session_id.as_uuid().as_bytes(), &self.family])
    }

    /// The hash of the token.
    #[must_use]
    pub(super) fn hash(&self) -> TokenHash {
        TokenHash::of(&[&self.expose()])
    }

    /// The token that replaces this one. Whoever has this token and not the salt cannot make it, and
    /// neither can whoever has the salt and not the token; so it need not be stored to be told twice.
    #[must_use]
    pub(super) fn next(&self, salt: &Secret) -> Self {
        // HMAC takes keys of every length.
        let mac = Hmac::<Sha256>::new_from_slice(&self.own).unwrap_or_else(|_| unreachable!());
        let mac = mac.chain_update(salt).finalize().into_bytes();
        let (own, _) = mac.split_first_chunk().unwrap_or_else(|| unreachable!());
        Self {
            own: *own,
            ..self.clone()
        }
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> RefreshToken {
        RefreshToken::new(SessionId::new(Uuid::from_u128(7)), [1; 16], [2; 16])
    }

    #[test]
    fn a_token_is_read_as_it_was_told_and_not_otherwise() {
        let told = token().expose();
        assert_eq!(told.len(), RefreshToken::BYTES);
        assert_eq!(RefreshToken::from_bytes(&told), Some(token()));
        for wrong in [&told[1..], &[], &[&told[..], &[0]].concat()] {
            assert_eq!(RefreshToken::from_bytes(wrong), None);
        }
    }

    #[test]
    fn the_next_token_is_of_the_same_session_and_depends_on_the_salt_and_on_the_token() {
        let (next, other) = (token().next(&[3; 16]), token().next(&[4; 16]));
        assert_eq!(next, token().next(&[3; 16]));
        assert_ne!(next, other);
        assert_ne!(next.next(&[3; 16]), next);
        assert_eq!(next.family_hash(), token().family_hash());
        assert_ne!(next.hash(), token().hash());
    }

    #[test]
    fn a_token_does_not_print() {
        assert_eq!(format!("{:?}", token()), "RefreshToken(…)");
    }
}
