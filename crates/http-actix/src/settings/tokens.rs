//! The settings of access tokens.

use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use super::check::{Faults, Noted, Setting, setting, time};
use crate::adapters::JwtSettings;

/// The settings of access tokens.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The key that signs tokens: at least 32 bytes, the same for every replica
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(secret))]
    jwt_secret: Setting<SecretString>,

    /// How long a token is valid, in seconds
    #[arg(long, env, value_name = "S", default_value = "900")]
    #[arg(value_parser = setting(time(Duration::from_secs, 1..=86_400)))]
    jwt_ttl_seconds: Setting<Duration>,
}

/// RFC 7518, section 3.2, requires a key as long as the hash.
fn secret(text: &str) -> Result<SecretString, String> {
    const HOW: &str = "set it to at least 32 random bytes, for example those of \
                       `openssl rand -base64 48`";
    match text.len() {
        0 => Err(format!("is missing: {HOW}")),
        bytes @ 1..32 => Err(format!("has {bytes} bytes: {HOW}")),
        _ => Ok(text.into()),
    }
}

impl TokenArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<JwtSettings, Noted> {
        let secret = faults.take(self.jwt_secret);
        let ttl = faults.take(self.jwt_ttl_seconds);
        Ok(JwtSettings {
            secret: secret?,
            ttl: ttl?,
        })
    }
}
