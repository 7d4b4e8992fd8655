//! Identity, on the wire.

use domain::{
    customers::CustomerId,
    identity::{self, Account, Caller, Credential, Password, Permission, Tokens},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{input::input, tokens::write_refresh, wire::own_role};
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

input! {
    /// The token that continues a session.
    pub(crate) struct RefreshRequest {
        /// The `refresh_token` of the latest answer.
        refresh_token: String = "blr_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
    }
}

input! {
    /// Another password.
    pub(crate) struct NewPassword {
        /// The password until now.
        current_password: String = "balcao-demo",
        /// The password from now on: at least 8 characters, and at most 71 bytes of UTF-8.
        new_password: Password,
    }
}

input! {
    /// A password in place of one that was lost, or never chosen.
    pub(crate) struct PasswordReset {
        /// The token that an administrator got.
        token: String = "blp_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
        /// The password from now on: at least 8 characters, and at most 71 bytes of UTF-8.
        new_password: Password,
    }
}

/// The tokens of a session (RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTkyIn0.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "blr_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
}))]
pub(crate) struct Token {
    /// What to send in the header `Authorization: Bearer TOKEN`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(value_type = String)]
    token_type: &'static str,
    /// How long the access token is valid, in seconds.
    #[schema(minimum = 1)]
    expires_in: u64,
    /// What to exchange for the next tokens at `/auth/refresh`, once.
    refresh_token: String,
}

impl From<Tokens> for Token {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.token,
            token_type: "Bearer",
            expires_in: tokens.access.expires_in.as_secs(),
            refresh_token: write_refresh(&tokens.refresh),
        }
    }
}

/// Who calls, and what they may do.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b9",
    "email": "ana@example.com",
    "role": "customer",
    "customer_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "created_at": "2026-11-23T12:00:00.123456Z",
    "permissions": ["orders:read", "orders:write"],
}))]
pub(crate) struct Me {
    /// The account.
    id: Uuid,
    /// The address that it logs in with.
    email: String,
    #[schema(schema_with = own_role)]
    role: &'static str,
    /// The customer whose account it is; `null` for the shop's people.
    #[schema(required)]
    customer_id: Option<Uuid>,
    /// When the account was created, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// What the caller may do; a customer with its own data and orders alone.
    permissions: Vec<&'static str>,
}

impl Me {
    pub(crate) fn new(caller: &Caller, account: &Account) -> Self {
        Self {
            id: account.id.as_uuid(),
            email: account.email.as_str().to_owned(),
            role: account.principal.role().as_str(),
            customer_id: account.principal.customer_id().map(CustomerId::as_uuid),
            created_at: account.created_at,
            permissions: caller.permissions.iter().map(Permission::as_str).collect(),
        }
    }
}

/// A session: somebody is logged in.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4ba",
    "created_at": "2026-11-23T12:00:00.123456Z",
    "used_at": "2026-11-23T12:14:00.123456Z",
    "expires_at": "2026-11-30T12:14:00.123456Z",
    "address": "192.0.2.1",
    "user_agent": "curl/8.11.0",
    "is_current": true,
}))]
pub(crate) struct Session {
    id: Uuid,
    /// When it began, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When its refresh token was last exchanged, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    used_at: OffsetDateTime,
    /// When it ends unless it is used before, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// The IPv4 address, or the network of the IPv6 address, where it began.
    address: String,
    /// What the client calls itself.
    #[schema(required)]
    user_agent: Option<String>,
    /// Whether this request is of it.
    is_current: bool,
}

impl Session {
    pub(crate) fn seen_by(caller: &Caller, session: &identity::Session) -> Self {
        let user_agent = session.device.user_agent.as_ref();
        Self {
            id: session.id.as_uuid(),
            created_at: session.created_at,
            used_at: session.used_at,
            expires_at: session.expires_at,
            address: session.device.address.to_string(),
            user_agent: user_agent.map(|name| name.as_str().to_owned()),
            is_current: caller.credential == Credential::Session(session.id),
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
