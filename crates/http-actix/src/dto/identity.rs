//! Logging in, on the wire.

use domain::identity::AccessToken;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::input;

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
