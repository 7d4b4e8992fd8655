//! What only we can make: cursors and tokens.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    Clock, IdSource,
    customers::CustomerId,
    identity::{AccountId, Caller, Principal, SessionId, TokenIssuer as _, TokenVerifier as _},
    values::Position,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use time::{OffsetDateTime, macros::datetime};
use uuid::Uuid;

use crate::{
    adapters::{JwtSettings, JwtTokens, SigningKey},
    cursors::Cursors,
    dto::tokens::{
        read_api_key, read_refresh, read_reset, write_api_key, write_refresh, write_reset,
    },
};

const SECRET: &str = "a secret of the fuzzers, 32 bytes or more";

static SETTINGS: LazyLock<JwtSettings> = LazyLock::new(|| JwtSettings {
    current: SigningKey::secret(&SECRET.into()),
    previous: Vec::new(),
    ttl: Duration::from_mins(15),
    audience: JwtSettings::AUDIENCE.to_owned(),
});

static CURSORS: LazyLock<Cursors> = LazyLock::new(|| Cursors::new(&SETTINGS));

static TOKENS: LazyLock<JwtTokens> =
    LazyLock::new(|| JwtTokens::new(&SETTINGS, Arc::new(Noon), Arc::new(OneId)));

/// The one token that was issued.
static ISSUED: LazyLock<String> = LazyLock::new(|| {
    let caller = Caller::in_session(
        AccountId::new(Uuid::from_u128(1)),
        Principal::Customer(CustomerId::new(Uuid::from_u128(2))),
        SessionId::new(Uuid::from_u128(3)),
    );
    TOKENS.issue(&caller).unwrap().token
});

struct Noon;

impl Clock for Noon {
    fn now(&self) -> OffsetDateTime {
        datetime!(2026-11-23 12:00 UTC)
    }
}

struct OneId;

impl IdSource for OneId {
    fn next_id(&self) -> Uuid {
        Uuid::from_u128(4)
    }
}

/// What is read as a cursor was written here, for this list; what is written is read as it was, until
/// one bit of it changes.
pub fn cursors(bytes: &[u8]) {
    const LIST: &str = "/products?";
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Some(position) = CURSORS.read(LIST, text) {
        assert_eq!(CURSORS.write(LIST, &position), text, "another made it");
    }
    let (list, key) = text.split_once('\n').unwrap_or(("", text));
    let id = Uuid::from_u128(
        bytes
            .iter()
            .fold(7, |id: u128, byte| id.rotate_left(5) ^ u128::from(*byte)),
    );
    let key = key.to_owned();
    let position = Position { key, id };
    let cursor = CURSORS.write(list, &position);
    assert_eq!(CURSORS.read(list, &cursor), Some(position));
    let other = format!("{list}&");
    assert_eq!(CURSORS.read(&other, &cursor), None, "it is of another list");
    let mut changed = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
    let place = bytes.first().map_or(0, |byte| usize::from(*byte)) % changed.len();
    if let Some(byte) = changed.get_mut(place) {
        *byte ^= 1;
    }
    let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
    assert_eq!(CURSORS.read(list, &changed), None, "it was changed");
}

/// Nothing verifies that was not signed here. What is signed here, whatever it says, is somebody, or
/// is refused; so is a random token that is not written as ours are.
pub fn tokens(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let is_issued = text == *ISSUED;
    assert_eq!(TOKENS.verify(text).is_ok(), is_issued, "{text}");
    if let Some(token) = read_refresh(text) {
        assert_eq!(write_refresh(&token), text);
    }
    if let Some(token) = read_reset(text) {
        assert_eq!(write_reset(&token), text);
    }
    if let Some(secret) = read_api_key(text) {
        assert_eq!(write_api_key(&secret), text);
    }
    let (header, claims) = text.split_once('\n').unwrap_or((HEADER, text));
    // The id of the key is a digest that no fuzzer guesses.
    let header = header.replace("KID", SETTINGS.current.id());
    let message = [&header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let message = message.join(".");
    let sign = |secret: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        let signature = mac.chain_update(&message).finalize().into_bytes();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    };
    if let Ok(caller) = TOKENS.verify(&sign(SECRET)) {
        let is_customer = matches!(caller.principal, Principal::Customer(_));
        assert_eq!(is_customer, caller.principal.customer_id().is_some());
        let claims: Value = serde_json::from_str(claims).unwrap();
        let claim = |name| claims.get(name).cloned().unwrap_or_default();
        assert_eq!(claim("iss"), "balcao");
        assert_eq!(claim("aud"), "balcao-api");
        assert!(claim("exp").as_i64().unwrap() > Noon.now().unix_timestamp());
        let role = caller.principal.role();
        assert_eq!(claim("role"), role.as_str());
    }
    for unsigned in [
        sign("another secret of the fuzzers"),
        format!("{message}."),
        message.clone(),
    ] {
        assert!(TOKENS.verify(&unsigned).is_err(), "{unsigned}");
    }
}

/// The header of a token that we sign.
const HEADER: &str = r#"{"typ":"JWT","alg":"HS256","kid":"KID"}"#;
