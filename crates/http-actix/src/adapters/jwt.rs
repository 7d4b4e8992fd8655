//! Access tokens: JSON Web Tokens (RFC 7519), signed with HMAC-SHA-256 (HS256, RFC 7518).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    Clock, IdSource,
    customers::CustomerId,
    identity::{
        AccessToken, AccountId, AuthenticationError, Authenticator, Caller, Principal, Role,
        TokenIssuer, TokenNotIssued,
    },
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The issuer of the tokens (`iss`).
const ISSUER: &str = "balcao";
/// Their audience (`aud`).
const AUDIENCE: &str = "balcao-api";
/// The only algorithm that is used and accepted.
const ALGORITHM: Algorithm = Algorithm::HS256;

/// Issues and checks tokens with one secret.
pub struct JwtTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    ttl: Duration,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    verified: Cache<String, Verified>,
}

/// The content of a valid token. Its signature is checked once, its expiry each time.
#[derive(Clone, Copy)]
struct Verified {
    caller: Caller,
    /// In seconds since 1970.
    expires_at: i64,
}

/// How many valid tokens are remembered, so that their signature is not checked again.
const MAX_VERIFIED: u64 = 10_000;

/// The key that signs tokens, and their lifetime.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// At least 32 bytes (RFC 7518, section 3.2).
    pub secret: SecretString,
    /// How long a token is valid.
    pub ttl: Duration,
}

/// The claims of a token (RFC 7519, section 4.1, and two of our own).
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<Uuid>,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

impl JwtTokens {
    /// Derives the keys from the secret.
    #[must_use]
    pub fn new(settings: &JwtSettings, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        let secret = settings.secret.expose_secret().as_bytes();
        let mut validation = Validation::new(ALGORITHM);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library would read the system's clock; here the clock is a port, see `authenticate`.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            ttl: settings.ttl,
            clock,
            ids,
            verified: Cache::builder()
                .max_capacity(MAX_VERIFIED)
                .time_to_live(settings.ttl)
                .build(),
        }
    }

    fn check_signature(&self, token: &str) -> Result<Verified, AuthenticationError> {
        let claims = decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| AuthenticationError::Invalid)?
            .claims;
        let role: Role = claims
            .role
            .parse()
            .map_err(|_| AuthenticationError::Invalid)?;
        let principal = Principal::from_parts(role, claims.customer_id.map(CustomerId::new))
            .ok_or(AuthenticationError::Invalid)?;
        Ok(Verified {
            caller: Caller::new(AccountId::new(claims.sub), principal),
            expires_at: claims.exp,
        })
    }
}

impl TokenIssuer for JwtTokens {
    fn issue(&self, caller: &Caller) -> Result<AccessToken, TokenNotIssued> {
        let now = self.clock.now();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: caller.account_id.as_uuid(),
            role: caller.principal.role().as_str().to_owned(),
            customer_id: caller.principal.customer_id().map(CustomerId::as_uuid),
            iat: now.unix_timestamp(),
            exp: (now + self.ttl).unix_timestamp(),
            jti: self.ids.next_id(),
        };
        let token = encode(&Header::new(ALGORITHM), &claims, &self.encoding)
            .map_err(|error| TokenNotIssued(error.into()))?;
        Ok(AccessToken {
            token,
            expires_in: self.ttl,
        })
    }
}

#[async_trait]
impl Authenticator for JwtTokens {
    async fn authenticate(&self, token: &str) -> Result<Caller, AuthenticationError> {
        let known = self.verified.get(token);
        let verified = match known {
            Some(verified) => verified,
            None => self.check_signature(token)?,
        };
        if verified.expires_at <= self.clock.now().unix_timestamp() {
            return Err(AuthenticationError::Expired);
        }
        if known.is_none() {
            self.verified.insert(token.to_owned(), verified);
        }
        Ok(verified.caller)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use time::{OffsetDateTime, macros::datetime};

    use super::*;
    use crate::adapters::UuidV7Source;

    const SECRET: &str = "a secret of these tests, 32 bytes or more";

    struct StoppedAt(OffsetDateTime);

    impl Clock for StoppedAt {
        fn now(&self) -> OffsetDateTime {
            self.0
        }
    }

    struct Moving(Arc<Mutex<OffsetDateTime>>);

    impl Clock for Moving {
        fn now(&self) -> OffsetDateTime {
            *self.0.lock().unwrap()
        }
    }

    fn tokens(secret: &str, now: OffsetDateTime) -> JwtTokens {
        let settings = JwtSettings {
            secret: secret.into(),
            ttl: Duration::from_mins(15),
        };
        JwtTokens::new(&settings, Arc::new(StoppedAt(now)), Arc::new(UuidV7Source))
    }

    fn noon() -> OffsetDateTime {
        datetime!(2026-11-23 12:00 UTC)
    }

    fn caller(principal: Principal) -> Caller {
        Caller::new(AccountId::new(Uuid::from_u128(1)), principal)
    }

    /// Signs claims with this secret, as an attacker would.
    fn forge(header: &Header, claims: &serde_json::Value, secret: &str) -> String {
        encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn claims() -> serde_json::Value {
        serde_json::json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": Uuid::from_u128(1), "role": "admin",
            "iat": noon().unix_timestamp(), "exp": noon().unix_timestamp() + 900,
            "jti": Uuid::from_u128(2),
        })
    }

    #[tokio::test]
    async fn a_token_proves_who_it_was_issued_to() {
        let tokens = tokens(SECRET, noon());
        let customer = Principal::Customer(CustomerId::new(Uuid::from_u128(7)));
        for principal in [Principal::Admin, Principal::Staff, customer] {
            let token = tokens.issue(&caller(principal)).unwrap();
            assert_eq!(
                tokens.authenticate(&token.token).await.unwrap(),
                caller(principal)
            );
        }
    }

    #[tokio::test]
    async fn a_token_ends_on_the_second() {
        let token = tokens(SECRET, noon())
            .issue(&caller(Principal::Staff))
            .unwrap();
        assert_eq!(token.expires_in, Duration::from_mins(15));
        let at = |now| {
            let authenticated = tokens(SECRET, now);
            let token = token.token.clone();
            async move { authenticated.authenticate(&token).await }
        };
        assert!(at(datetime!(2026-11-23 12:14:59 UTC)).await.is_ok());
        assert!(matches!(
            at(datetime!(2026-11-23 12:15 UTC)).await,
            Err(AuthenticationError::Expired)
        ));
    }

    #[tokio::test]
    async fn a_token_that_was_good_is_still_looked_at_for_its_time() {
        let now = Arc::new(Mutex::new(noon()));
        let settings = JwtSettings {
            secret: SECRET.into(),
            ttl: Duration::from_mins(15),
        };
        let tokens = JwtTokens::new(
            &settings,
            Arc::new(Moving(Arc::clone(&now))),
            Arc::new(UuidV7Source),
        );
        let token = tokens.issue(&caller(Principal::Staff)).unwrap().token;
        for _ in 0..2 {
            assert_eq!(
                tokens.authenticate(&token).await.unwrap(),
                caller(Principal::Staff)
            );
        }
        *now.lock().unwrap() = datetime!(2026-11-23 12:15 UTC);
        assert!(matches!(
            tokens.authenticate(&token).await,
            Err(AuthenticationError::Expired)
        ));
    }

    #[tokio::test]
    async fn a_token_of_another_secret_is_not_valid() {
        let token = tokens("another secret, also long enough to use", noon())
            .issue(&caller(Principal::Admin))
            .unwrap();
        let verified = tokens(SECRET, noon()).authenticate(&token.token).await;
        assert!(matches!(verified, Err(AuthenticationError::Invalid)));
    }

    #[tokio::test]
    async fn no_other_algorithm_is_accepted() {
        let tokens = tokens(SECRET, noon());
        let own = forge(&Header::new(Algorithm::HS256), &claims(), SECRET);
        assert!(
            tokens.authenticate(&own).await.is_ok(),
            "the claims are as they should be"
        );
        let other = forge(&Header::new(Algorithm::HS512), &claims(), SECRET);
        assert!(matches!(
            tokens.authenticate(&other).await,
            Err(AuthenticationError::Invalid)
        ));
        // {"alg":"none"}, with the claims of a valid token and no signature.
        let body = own.split('.').nth(1).unwrap();
        let none = format!("eyJhbGciOiJub25lIn0.{body}.");
        assert!(matches!(
            tokens.authenticate(&none).await,
            Err(AuthenticationError::Invalid)
        ));
    }

    #[tokio::test]
    async fn every_claim_must_be_there_and_ours() {
        let tokens = tokens(SECRET, noon());
        for (claim, wrong) in [
            ("iss", serde_json::json!("somebody")),
            ("aud", serde_json::json!("something")),
            ("sub", serde_json::json!("nobody")),
            ("role", serde_json::json!("root")),
            ("role", serde_json::json!("customer")),
            ("exp", serde_json::json!("never")),
        ] {
            let mut claims = claims();
            claims[claim] = wrong;
            let token = forge(&Header::new(ALGORITHM), &claims, SECRET);
            assert!(
                matches!(
                    tokens.authenticate(&token).await,
                    Err(AuthenticationError::Invalid)
                ),
                "{claim}"
            );
            claims.as_object_mut().unwrap().remove(claim);
            let token = forge(&Header::new(ALGORITHM), &claims, SECRET);
            assert!(
                matches!(
                    tokens.authenticate(&token).await,
                    Err(AuthenticationError::Invalid)
                ),
                "no {claim}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_token_is_not_valid() {
        for text in ["", "a", "a.b.c", "....", "é"] {
            let verified = tokens(SECRET, noon()).authenticate(text).await;
            assert!(
                matches!(verified, Err(AuthenticationError::Invalid)),
                "{text}"
            );
        }
    }
}
