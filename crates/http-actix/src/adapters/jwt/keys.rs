//! The keys that sign tokens. Each has an id, which a token names (`kid`, RFC 7515, section 4.1.4), and
//! one algorithm: a token cannot choose another.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    jwk::{AlgorithmParameters, Jwk, ThumbprintHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use thiserror::Error;

/// A key that signs tokens. It never prints.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: Option<PublicKey>,
}

/// What others need to check what a key has signed.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    /// The id of the key.
    pub(crate) id: String,
    /// The public key (`x`, RFC 8037, section 2).
    pub(crate) x: String,
}

/// Why a text is no key.
#[derive(Debug, Error)]
#[error("no Ed25519 private key in PEM (PKCS #8)")]
pub struct NoSigningKey;

/// How much of a digest of a secret is its id, in bytes.
const ID: usize = 12;

impl SigningKey {
    /// A secret that signs with HMAC-SHA-256 (HS256; RFC 7518, section 3.2, asks for 32 bytes).
    #[must_use]
    pub fn secret(secret: &SecretString) -> Self {
        let secret = secret.expose_secret().as_bytes();
        // HMAC takes keys of every length. What is signed here is no token and no cursor.
        let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| unreachable!());
        let digest = mac.chain_update("balcao kid").finalize().into_bytes();
        Self {
            id: BASE64_URL_SAFE_NO_PAD.encode(digest.get(..ID).unwrap_or_default()),
            algorithm: Algorithm::HS256,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            public: None,
        }
    }

    /// A private key that signs with Ed25519 (`EdDSA`, RFC 8037), in PEM as OpenSSL writes it. Its id
    /// is its thumbprint (RFC 7638).
    ///
    /// # Errors
    ///
    /// When the text is none.
    pub fn ed25519(pem: &SecretString) -> Result<Self, NoSigningKey> {
        let read = || -> Result<Self, jsonwebtoken::errors::Error> {
            let encoding = EncodingKey::from_ed_pem(pem.expose_secret().as_bytes())?;
            let jwk = Jwk::from_encoding_key(&encoding, Algorithm::EdDSA)?;
            let id = jwk.thumbprint(ThumbprintHash::SHA256)?;
            let x = match &jwk.algorithm {
                AlgorithmParameters::OctetKeyPair(key) => Some(key.x.clone()),
                _ => None,
            };
            Ok(Self {
                algorithm: Algorithm::EdDSA,
                decoding: DecodingKey::from_jwk(&jwk)?,
                public: x.map(|x| PublicKey { id: id.clone(), x }),
                id,
                encoding,
            })
        };
        read().map_err(|_| NoSigningKey)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) const fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// The public key, if there is one.
    pub(crate) const fn public(&self) -> Option<&PublicKey> {
        self.public.as_ref()
    }

    /// The secret bytes, for what else only those can sign who have the key.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.encoding.as_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The key of RFC 8037, appendix A.1, as PKCS #8.
    pub(in super::super) const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn the_key_of_the_rfc_has_its_public_key_and_its_thumbprint() {
        let key = SigningKey::ed25519(&PEM.into()).unwrap();
        let public = key.public().unwrap();
        assert_eq!(public.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        // RFC 8037, appendix A.3.
        assert_eq!(public.id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn what_is_no_such_key_is_refused() {
        let public = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
            -----END PUBLIC KEY-----\n";
        for text in ["", "secret", public] {
            assert!(SigningKey::ed25519(&text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_does_not_print_and_its_id_does_not_tell_it() {
        let secret = "a secret of these tests, 32 bytes or more";
        let key = SigningKey::secret(&secret.into());
        assert!(!format!("{key:?}").contains(secret));
        assert_eq!(key.id().len(), 16);
        let other = SigningKey::secret(&"another secret, also long enough to use".into());
        assert_ne!(key.id(), other.id());
    }
}
