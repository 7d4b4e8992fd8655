//! Identity, on the wire.

use domain::identity::AccessToken;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::input;
use crate::adapters;

input! {
    /// The credentials of a login. They may be any text: a malformed address is treated as an
    /// unknown one.
    pub(crate) struct Credentials {
        /// The address of the account, in whatever case.
        email: String = "admin@example.com",
        /// The password of the account.
        password: String = "balcao-demo",
    }
}

/// A token (RFC 6750, section 4).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTkyIn0.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in": 900,
}))]
pub(crate) struct Token {
    /// What to send in the header `Authorization: Bearer TOKEN`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(value_type = String)]
    token_type: &'static str,
    /// How long the token is valid, in seconds.
    #[schema(minimum = 1)]
    expires_in: u64,
}

impl From<AccessToken> for Token {
    fn from(token: AccessToken) -> Self {
        Self {
            access_token: token.token,
            token_type: "Bearer",
            expires_in: token.expires_in.as_secs(),
        }
    }
}

/// A set of public keys (RFC 7517, section 5).
#[derive(Serialize, ToSchema)]
pub(crate) struct PublicKeys {
    /// The keys whose tokens are good.
    keys: Vec<PublicKey>,
}

/// A public key (RFC 7517, section 4, and RFC 8037, section 2).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "kty": "OKP",
    "crv": "Ed25519",
    "alg": "EdDSA",
    "use": "sig",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}))]
struct PublicKey {
    /// Always `OKP`.
    #[schema(value_type = String)]
    kty: &'static str,
    /// Always `Ed25519`.
    #[schema(value_type = String)]
    crv: &'static str,
    /// Always `EdDSA`.
    #[schema(value_type = String)]
    alg: &'static str,
    /// Always `sig`.
    #[schema(value_type = String)]
    r#use: &'static str,
    /// The id by which tokens name it: its thumbprint (RFC 7638).
    kid: String,
    /// The key.
    x: String,
}

impl<'a> FromIterator<&'a adapters::PublicKey> for PublicKeys {
    fn from_iter<I: IntoIterator<Item = &'a adapters::PublicKey>>(keys: I) -> Self {
        let key = |key: &adapters::PublicKey| PublicKey {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            r#use: "sig",
            kid: key.id.clone(),
            x: key.x.clone(),
        };
        Self {
            keys: keys.into_iter().map(key).collect(),
        }
    }
}
