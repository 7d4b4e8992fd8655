//! Access tokens: JSON Web Tokens (RFC 7519), signed with a secret (HS256, RFC 7518) or a private key
//! (Ed25519, RFC 8037).

mod keys;

use std::{sync::Arc, time::Duration};

use domain::{
    Clock, IdSource,
    customers::CustomerId,
    identity::{
        AccessToken, AccountId, Caller, Credential, Principal, Role, SessionId, TokenIssuer,
        TokenNotIssued, TokenRefused, TokenVerifier,
    },
};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use self::keys::PublicKey;
pub use self::keys::{NoSigningKey, SigningKey};

/// The issuer of the tokens (`iss`).
const ISSUER: &str = "balcao";

/// Issues tokens with one key, and checks those of several.
pub struct JwtTokens {
    current: SigningKey,
    /// The keys whose tokens are good, and what such a token must look like.
    accepted: Vec<(SigningKey, Validation)>,
    audience: String,
    ttl: Duration,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    verified: Cache<String, Verified>,
}

/// The content of a valid token. Its signature is checked once, its expiry each time.
#[derive(Clone)]
struct Verified {
    caller: Caller,
    /// In seconds since 1970.
    expires_at: i64,
}

/// How many valid tokens are remembered, so that their signature is not checked again.
const MAX_VERIFIED: u64 = 10_000;

/// The keys of tokens, and their lifetime.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// The key that signs tokens.
    pub current: SigningKey,
    /// Other keys whose tokens are good: those that have signed before, and those that will.
    pub previous: Vec<SigningKey>,
    /// How long a token is valid.
    pub ttl: Duration,
    /// Whom tokens are for (`aud`): this shop, where others have the same key.
    pub audience: String,
}

/// The claims of a token (RFC 7519, section 4.1, and three of our own).
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    /// The session (`OpenID` Connect Front-Channel Logout 1.0, section 3).
    sid: Uuid,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<Uuid>,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

impl JwtSettings {
    /// Whom tokens are for, where no other shop has the same key.
    pub const AUDIENCE: &str = "balcao-api";

    /// All keys, that which signs first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// What a token of this algorithm must look like.
fn validation(algorithm: Algorithm, audience: &str) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // The library would read the system's clock; here the clock is a port, see `authenticate`.
    validation.validate_exp = false;
    validation
}

impl JwtTokens {
    /// Issues tokens with the current key, and takes those of all.
    #[must_use]
    pub fn new(settings: &JwtSettings, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        let accepted = settings.keys().map(|key| {
            let validation = validation(key.algorithm(), &settings.audience);
            (key.clone(), validation)
        });
        Self {
            accepted: accepted.collect(),
            current: settings.current.clone(),
            audience: settings.audience.clone(),
            ttl: settings.ttl,
            clock,
            ids,
            verified: Cache::builder()
                .max_capacity(MAX_VERIFIED)
                .time_to_live(settings.ttl)
                .build(),
        }
    }

    /// The claims of a token that was signed by the key that it names.
    fn claims(&self, token: &str) -> Option<Claims> {
        let named = decode_header(token).ok()?.kid?;
        let (key, validation) = self.accepted.iter().find(|(key, _)| key.id() == named)?;
        let token = decode(token, key.decoding(), validation).ok()?;
        Some(token.claims)
    }

    fn check_signature(&self, token: &str) -> Result<Verified, TokenRefused> {
        let claims = self.claims(token).ok_or(TokenRefused::Invalid)?;
        let role: Role = claims.role.parse().map_err(|_| TokenRefused::Invalid)?;
        let principal = Principal::from_parts(role, claims.customer_id.map(CustomerId::new))
            .ok_or(TokenRefused::Invalid)?;
        let (account_id, session) = (AccountId::new(claims.sub), SessionId::new(claims.sid));
        Ok(Verified {
            caller: Caller::in_session(account_id, principal, session),
            expires_at: claims.exp,
        })
    }
}

impl TokenIssuer for JwtTokens {
    fn issue(&self, caller: &Caller) -> Result<AccessToken, TokenNotIssued> {
        let Credential::Session(session) = caller.credential else {
            return Err(TokenNotIssued("the caller has no session".into()));
        };
        let now = self.clock.now();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: self.audience.clone(),
            sub: caller.account_id.as_uuid(),
            sid: session.as_uuid(),
            role: caller.principal.role().as_str().to_owned(),
            customer_id: caller.principal.customer_id().map(CustomerId::as_uuid),
            iat: now.unix_timestamp(),
            exp: (now + self.ttl).unix_timestamp(),
            jti: self.ids.next_id(),
        };
        let header = Header {
            kid: Some(self.current.id().to_owned()),
            ..Header::new(self.current.algorithm())
        };
        let token = encode(&header, &claims, self.current.encoding())
            .map_err(|error| TokenNotIssued(error.into()))?;
        Ok(AccessToken {
            token,
            expires_in: self.ttl,
        })
    }
}

impl TokenVerifier for JwtTokens {
    fn verify(&self, token: &str) -> Result<Caller, TokenRefused> {
        let known = self.verified.get(token);
        let is_new = known.is_none();
        let verified = match known {
            Some(verified) => verified,
            None => self.check_signature(token)?,
        };
        if verified.expires_at <= self.clock.now().unix_timestamp() {
            return Err(TokenRefused::Expired);
        }
        if is_new {
            self.verified.insert(token.to_owned(), verified.clone());
        }
        Ok(verified.caller)
    }
}

#[cfg(test)]
mod tests;
