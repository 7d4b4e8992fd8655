//! Tokens: whose they are, until when, and what is none.

use std::sync::Mutex;

use time::{OffsetDateTime, macros::datetime};

use super::{keys::tests::PEM, *};
use crate::adapters::UuidV7Source;
use jsonwebtoken::{DecodingKey, EncodingKey};

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

fn settings(current: SigningKey, previous: &[&SigningKey]) -> JwtSettings {
    JwtSettings {
        current,
        previous: previous.iter().copied().cloned().collect(),
        ttl: Duration::from_mins(15),
        audience: JwtSettings::AUDIENCE.to_owned(),
    }
}

fn secret(text: &str) -> SigningKey {
    SigningKey::secret(&text.into())
}

fn tokens(text: &str, now: OffsetDateTime) -> JwtTokens {
    let settings = settings(secret(text), &[]);
    JwtTokens::new(&settings, Arc::new(StoppedAt(now)), Arc::new(UuidV7Source))
}

/// Tokens at noon, of this key, beside which others are good.
fn tokens_of(current: &SigningKey, previous: &[&SigningKey]) -> JwtTokens {
    let (clock, ids) = (Arc::new(StoppedAt(noon())), Arc::new(UuidV7Source));
    JwtTokens::new(&settings(current.clone(), previous), clock, ids)
}

fn noon() -> OffsetDateTime {
    datetime!(2026-11-23 12:00 UTC)
}

fn caller(principal: Principal) -> Caller {
    Caller::in_session(
        AccountId::new(Uuid::from_u128(1)),
        principal,
        SessionId::new(Uuid::from_u128(3)),
    )
}

/// A header that names the key of this secret.
fn named(algorithm: Algorithm, text: &str) -> Header {
    Header {
        kid: Some(secret(text).id().to_owned()),
        ..Header::new(algorithm)
    }
}

/// Signs claims with this secret, as an attacker would.
fn forge(header: &Header, claims: &serde_json::Value, secret: &str) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn claims() -> serde_json::Value {
    serde_json::json!({
        "iss": ISSUER, "aud": JwtSettings::AUDIENCE, "sub": Uuid::from_u128(1),
        "sid": Uuid::from_u128(3), "role": "admin",
        "iat": noon().unix_timestamp(), "exp": noon().unix_timestamp() + 900,
        "jti": Uuid::from_u128(2),
    })
}

#[test]
fn a_token_proves_who_it_was_issued_to() {
    let tokens = tokens(SECRET, noon());
    let customer = Principal::Customer(CustomerId::new(Uuid::from_u128(7)));
    for principal in [Principal::Admin, Principal::Staff, customer] {
        let token = tokens.issue(&caller(principal)).unwrap();
        assert_eq!(tokens.verify(&token.token).unwrap(), caller(principal));
    }
}

#[test]
fn a_token_ends_on_the_second() {
    let token = tokens(SECRET, noon())
        .issue(&caller(Principal::Staff))
        .unwrap();
    assert_eq!(token.expires_in, Duration::from_mins(15));
    let at = |now| tokens(SECRET, now).verify(&token.token);
    assert!(at(datetime!(2026-11-23 12:14:59 UTC)).is_ok());
    assert!(matches!(
        at(datetime!(2026-11-23 12:15 UTC)),
        Err(TokenRefused::Expired)
    ));
}

#[test]
fn a_token_that_was_good_is_still_looked_at_for_its_time() {
    let now = Arc::new(Mutex::new(noon()));
    let tokens = JwtTokens::new(
        &settings(secret(SECRET), &[]),
        Arc::new(Moving(Arc::clone(&now))),
        Arc::new(UuidV7Source),
    );
    let token = tokens.issue(&caller(Principal::Staff)).unwrap().token;
    for _ in 0..2 {
        assert_eq!(tokens.verify(&token).unwrap(), caller(Principal::Staff));
    }
    *now.lock().unwrap() = datetime!(2026-11-23 12:15 UTC);
    assert!(matches!(tokens.verify(&token), Err(TokenRefused::Expired)));
}

#[test]
fn a_token_of_another_secret_is_not_valid() {
    let token = tokens("another secret, also long enough to use", noon())
        .issue(&caller(Principal::Admin))
        .unwrap();
    let verified = tokens(SECRET, noon()).verify(&token.token);
    assert!(matches!(verified, Err(TokenRefused::Invalid)));
}

#[test]
fn no_other_algorithm_is_accepted() {
    let tokens = tokens(SECRET, noon());
    let own = forge(&named(Algorithm::HS256, SECRET), &claims(), SECRET);
    assert!(
        tokens.verify(&own).is_ok(),
        "the claims are as they should be"
    );
    let other = forge(&named(Algorithm::HS512, SECRET), &claims(), SECRET);
    assert!(matches!(tokens.verify(&other), Err(TokenRefused::Invalid)));
    // {"alg":"none"}, with the claims of a valid token and no signature.
    let body = own.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIn0.{body}.");
    assert!(matches!(tokens.verify(&none), Err(TokenRefused::Invalid)));
}

#[test]
fn keys_rotate_without_anybody_being_logged_out() {
    let (old, new) = (
        secret(SECRET),
        secret("another secret, also long enough to use"),
    );
    let (edwards, staff) = (
        SigningKey::ed25519(&PEM.into()).unwrap(),
        caller(Principal::Staff),
    );
    for (before, after) in [(&old, &new), (&old, &edwards), (&edwards, &new)] {
        let issued = tokens_of(before, &[]).issue(&staff).unwrap().token;
        let rotated = tokens_of(after, &[before]);
        assert_eq!(rotated.verify(&issued).unwrap(), staff);
        let issued = rotated.issue(&staff).unwrap().token;
        // A replica that is about to rotate knows the new key as well.
        let about_to = tokens_of(before, &[after]);
        assert_eq!(about_to.verify(&issued).unwrap(), staff);
        let without = tokens_of(before, &[]).verify(&issued);
        assert!(matches!(without, Err(TokenRefused::Invalid)));
    }
}

#[test]
fn a_token_names_its_key() {
    let key = secret(SECRET);
    let issued = tokens_of(&key, &[])
        .issue(&caller(Principal::Staff))
        .unwrap();
    let header = decode_header(&issued.token).unwrap();
    assert_eq!(header.kid.as_deref(), Some(key.id()));
    let tokens = tokens(SECRET, noon());
    let good = forge(&header, &claims(), SECRET);
    assert!(tokens.verify(&good).is_ok());
    for kid in [None, Some("nobody's".to_owned())] {
        let header = Header {
            kid,
            ..Header::new(Algorithm::HS256)
        };
        let forged = forge(&header, &claims(), SECRET);
        assert_eq!(tokens.verify(&forged), Err(TokenRefused::Invalid));
    }
}

#[test]
fn a_token_is_of_a_session() {
    let without = Caller::new(AccountId::new(Uuid::from_u128(1)), Principal::Staff);
    assert!(tokens(SECRET, noon()).issue(&without).is_err());
}

#[test]
fn the_key_says_which_algorithm_it_is() {
    let edwards = SigningKey::ed25519(&PEM.into()).unwrap();
    let tokens = tokens_of(&edwards, &[]);
    let issued = tokens.issue(&caller(Principal::Admin)).unwrap().token;
    assert_eq!(decode_header(&issued).unwrap().alg, Algorithm::EdDSA);
    // What everybody can read of the key is no secret to sign with.
    let x = &edwards.public().unwrap().x;
    let public = DecodingKey::from_ed_components(x).unwrap();
    let header = Header {
        kid: Some(edwards.id().to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let secrets = [x.as_bytes(), public.try_get_as_bytes().unwrap()];
    for secret in secrets {
        let forged = encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
        let verified = tokens.verify(&forged);
        assert!(matches!(verified, Err(TokenRefused::Invalid)));
    }
    let nameless = forge(&Header::new(Algorithm::HS256), &claims(), x);
    assert!(tokens.verify(&nameless).is_err());
}

#[test]
fn every_claim_must_be_there_and_ours() {
    let tokens = tokens(SECRET, noon());
    for (claim, wrong) in [
        ("iss", serde_json::json!("somebody")),
        ("aud", serde_json::json!("something")),
        ("sub", serde_json::json!("nobody")),
        ("sid", serde_json::json!("none")),
        ("role", serde_json::json!("root")),
        ("role", serde_json::json!("customer")),
        ("exp", serde_json::json!("never")),
    ] {
        let mut claims = claims();
        claims[claim] = wrong;
        let token = forge(&named(Algorithm::HS256, SECRET), &claims, SECRET);
        assert!(
            matches!(tokens.verify(&token), Err(TokenRefused::Invalid)),
            "{claim}"
        );
        claims.as_object_mut().unwrap().remove(claim);
        let token = forge(&named(Algorithm::HS256, SECRET), &claims, SECRET);
        assert!(
            matches!(tokens.verify(&token), Err(TokenRefused::Invalid)),
            "no {claim}"
        );
    }
}

#[test]
fn what_is_no_token_is_not_valid() {
    for text in ["", "a", "a.b.c", "....", "é"] {
        let verified = tokens(SECRET, noon()).verify(text);
        assert!(matches!(verified, Err(TokenRefused::Invalid)), "{text}");
    }
}
