//! Logging in, on the wire.

use domain::identity::AccessToken;
use serde::Serialize;

use super::body::{Fields, FromBody, Wrong};

/// What somebody logs in with. Nothing is checked but that it is text: what is no address
/// belongs to nobody.
pub(crate) struct Credentials {
    pub(crate) email: String,
    pub(crate) password: String,
}

impl FromBody for Credentials {
    fn from_body(fields: &mut Fields<'_>) -> Result<Self, Wrong> {
        let email = fields.required("email", Ok);
        let password = fields.required("password", Ok);
        Ok(Self {
            email: email?,
            password: password?,
        })
    }
}

/// A token (RFC 6750, section 4).
#[derive(Serialize)]
pub(crate) struct TokenBody {
    access_token: String,
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
}

impl From<AccessToken> for TokenBody {
    fn from(token: AccessToken) -> Self {
        Self {
            access_token: token.token,
            token_type: "Bearer",
            expires_in: token.expires_in.as_secs(),
        }
    }
}
