//! Cursors: where a list goes on, as text that only this service can make. A cursor belongs to the
//! list that it was made for, and says nothing to anybody else.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::values::Position;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::adapters::{JwtSettings, SigningKey};

/// Makes cursors with one key, and reads those of several. Replicas that share keys read each
/// other's.
#[derive(Clone)]
pub(crate) struct Cursors {
    current: Hmac<Sha256>,
    previous: Vec<Hmac<Sha256>>,
}

/// How much of a signature (HMAC-SHA-256, RFC 2104, section 5) is kept, in bytes.
const SIGNATURE: usize = 16;

/// The length of an id, in bytes.
const ID: usize = 16;

impl Cursors {
    /// The keys also sign tokens; what is signed here begins differently.
    pub(crate) fn new(settings: &JwtSettings) -> Self {
        // HMAC takes keys of every length.
        let key = |key: &SigningKey| {
            Hmac::new_from_slice(key.as_bytes()).unwrap_or_else(|_| unreachable!())
        };
        Self {
            current: key(&settings.current),
            previous: settings.previous.iter().map(key).collect(),
        }
    }

    /// The cursor of a position in this list.
    pub(crate) fn write(&self, list: &str, position: &Position) -> String {
        let payload = [position.id.as_bytes(), position.key.as_bytes()].concat();
        let signature = signed(&self.current, list, &payload)
            .finalize()
            .into_bytes();
        let signature = signature.get(..SIGNATURE).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode([signature, &payload].concat())
    }

    /// The position of a cursor, if it was made for this list.
    pub(crate) fn read(&self, list: &str, cursor: &str) -> Option<Position> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (signature, payload) = bytes.split_at_checked(SIGNATURE)?;
        let is_ours = |key| {
            let signed = signed(key, list, payload);
            signed.verify_truncated_left(signature).is_ok()
        };
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.any(is_ours).then_some(())?;
        let (id, key) = payload.split_at_checked(ID)?;
        Some(Position {
            key: String::from_utf8(key.to_vec()).ok()?,
            id: Uuid::from_slice(id).ok()?,
        })
    }
}

fn signed(key: &Hmac<Sha256>, list: &str, payload: &[u8]) -> Hmac<Sha256> {
    let mut signed = key.clone();
    // No part of a list's name holds a line break.
    for part in [
        "balcao cursor\n".as_bytes(),
        list.as_bytes(),
        b"\n",
        payload,
    ] {
        signed.update(part);
    }
    signed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cursors(secret: &str) -> Cursors {
        cursors_of(secret, &[])
    }

    fn cursors_of(current: &str, previous: &[&str]) -> Cursors {
        let key = |secret: &str| SigningKey::secret(&secret.into());
        Cursors::new(&JwtSettings {
            current: key(current),
            previous: previous.iter().copied().map(key).collect(),
            ttl: Duration::from_mins(15),
            audience: JwtSettings::AUDIENCE.to_owned(),
        })
    }

    fn position() -> Position {
        Position {
            key: "café".to_owned(),
            id: Uuid::from_u128(7),
        }
    }

    #[test]
    fn a_cursor_is_read_by_those_who_share_the_secret() {
        let cursor = cursors("secret").write("/products?", &position());
        let read = cursors("secret").read("/products?", &cursor);
        assert_eq!(read, Some(position()));
        assert_eq!(cursors("another").read("/products?", &cursor), None);
    }

    #[test]
    fn a_cursor_outlives_the_rotation_of_its_key() {
        let cursor = cursors("secret").write("/products?", &position());
        let rotated = cursors_of("another", &["secret"]);
        assert_eq!(rotated.read("/products?", &cursor), Some(position()));
    }

    #[test]
    fn a_cursor_of_another_list_is_none() {
        let cursor = cursors("secret").write("/products?", &position());
        assert_eq!(cursors("secret").read("/products?q=a", &cursor), None);
    }

    #[test]
    fn a_cursor_that_was_changed_anywhere_is_none() {
        let cursors = cursors("secret");
        let cursor = cursors.write("/products?", &position());
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(cursors.read("/products?", &changed), None, "byte {place}");
        }
        for text in ["", "x", "é", &cursor[1..], &cursor[..20]] {
            assert_eq!(cursors.read("/products?", text), None, "{text}");
        }
    }
}
