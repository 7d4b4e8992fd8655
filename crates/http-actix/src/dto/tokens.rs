//! Random tokens, as text: a prefix that says what they are, by which scanners find those that leaked,
//! and their bytes in base64url (RFC 4648, section 5).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::identity::{ApiKeySecret, RefreshToken, ResetToken};

/// The prefix of refresh tokens.
const REFRESH: &str = "blr_";
/// The prefix of tokens to reset a password.
const RESET: &str = "blp_";

/// The prefix of API keys.
const API_KEY: &str = "blc_";

fn write(prefix: &str, bytes: &[u8]) -> String {
    prefix.to_owned() + &BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn read(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let bytes = text.strip_prefix(prefix)?;
    BASE64_URL_SAFE_NO_PAD.decode(bytes).ok()
}

pub(crate) fn write_refresh(token: &RefreshToken) -> String {
    write(REFRESH, &token.expose())
}

pub(crate) fn read_refresh(text: &str) -> Option<RefreshToken> {
    RefreshToken::from_bytes(&read(REFRESH, text)?)
}

pub(crate) fn write_reset(token: &ResetToken) -> String {
    write(RESET, &token.expose())
}

pub(crate) fn read_reset(text: &str) -> Option<ResetToken> {
    ResetToken::from_bytes(&read(RESET, text)?)
}

pub(crate) fn write_api_key(secret: &ApiKeySecret) -> String {
    write(API_KEY, &secret.expose())
}

pub(crate) fn read_api_key(text: &str) -> Option<ApiKeySecret> {
    ApiKeySecret::from_bytes(&read(API_KEY, text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_nothing_else_is() {
        let token = RefreshToken::from_bytes(&[7; RefreshToken::BYTES]).unwrap();
        let text = write_refresh(&token);
        assert!(text.starts_with("blr_BwcHBw"));
        assert_eq!(read_refresh(&text), Some(token));
        let other = text.replace("blr_", "blp_");
        for wrong in ["", "blr_", "blr_é", &text[1..], &text[..60], &other] {
            assert_eq!(read_refresh(wrong), None, "{wrong}");
        }
        let token = ResetToken::from_bytes(&[7; 32]).unwrap();
        assert_eq!(read_reset(&write_reset(&token)), Some(token));
        let secret = ApiKeySecret::from_bytes(&[7; 32]).unwrap();
        let text = write_api_key(&secret);
        assert!(text.starts_with("blc_BwcHBw"));
        assert_eq!(read_api_key(&text), Some(secret));
    }
}
