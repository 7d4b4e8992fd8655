//! The settings of access tokens.

use std::{fs, time::Duration};

use clap::Args;
use secrecy::SecretString;

use super::check::{Faults, Noted, Setting, optional, setting, time};
use crate::adapters::{JwtSettings, SigningKey};

/// The settings of access tokens.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The secret that signs tokens (HS256): at least 32 bytes, the same for every replica
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(secret)))]
    jwt_secret: Setting<Option<SigningKey>>,

    /// The file of the private key that signs tokens (Ed25519, PEM), in place of a secret
    #[arg(long, env, value_name = "FILE", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(optional(key_file)))]
    jwt_key_file: Setting<Option<SigningKey>>,

    /// Other secrets whose tokens are good, with commas between them: those of before a rotation
    #[arg(long, env, value_name = "SECRETS", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(|text: &str| list(text, secret)))]
    jwt_previous_secrets: Setting<Vec<SigningKey>>,

    /// The files of other private keys whose tokens are good, with commas between them
    #[arg(long, env, value_name = "FILES", hide_env_values = true)]
    #[arg(default_value = "", hide_default_value = true)]
    #[arg(value_parser = setting(|text: &str| list(text, key_file)))]
    jwt_previous_key_files: Setting<Vec<SigningKey>>,

    /// How long a token is valid, in seconds
    #[arg(long, env, value_name = "S", default_value = "900")]
    #[arg(value_parser = setting(time(Duration::from_secs, 1..=86_400)))]
    jwt_ttl_seconds: Setting<Duration>,
}

const HOW: &str =
    "set it to at least 32 random bytes, for example those of `openssl rand -base64 48`";

/// RFC 7518, section 3.2, requires a key as long as the hash.
fn secret(text: &str) -> Result<SigningKey, String> {
    match text.len() {
        bytes @ 0..32 => Err(format!("has a secret of {bytes} bytes: {HOW}")),
        _ => Ok(SigningKey::secret(&text.into())),
    }
}

/// What is no path may be the key itself, and is not repeated.
fn key_file(path: &str) -> Result<SigningKey, String> {
    let pem = fs::read_to_string(path)
        .map_err(|error| format!("names no file that can be read as text: {error}"))?;
    SigningKey::ed25519(&SecretString::from(pem)).map_err(|error| {
        format!(
            "names {path}, which holds {error} without a passphrase: make a new one with \
             `openssl genpkey -algorithm ed25519 -out NEW_FILE`"
        )
    })
}

/// Reads what stands between commas.
fn list(
    text: &str,
    read: fn(&str) -> Result<SigningKey, String>,
) -> Result<Vec<SigningKey>, String> {
    let given = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    given.map(read).collect()
}

impl TokenArgs {
    pub(super) fn read(self, faults: &mut Faults) -> Result<JwtSettings, Noted> {
        let key = faults.take(self.jwt_key_file);
        let current = match key {
            Ok(None) => faults.take(self.jwt_secret.and_then(|secret| {
                secret.ok_or(format!("is missing: {HOW}; or set JWT_KEY_FILE"))
            })),
            Ok(Some(key)) => faults.take(self.jwt_secret.and_then(|secret| match secret {
                None => Ok(key),
                Some(_) => Err(
                    "is set, and JWT_KEY_FILE too: one key signs tokens; what is no \
                                longer to sign belongs in JWT_PREVIOUS_SECRETS",
                ),
            })),
            Err(noted) => faults.take(self.jwt_secret).and(Err(noted)),
        };
        let secrets = faults.take(self.jwt_previous_secrets);
        let files = faults.take(self.jwt_previous_key_files);
        let ttl = faults.take(self.jwt_ttl_seconds);
        Ok(JwtSettings {
            current: current?,
            previous: [secrets?, files?].concat(),
            ttl: ttl?,
            audience: JwtSettings::AUDIENCE.to_owned(),
        })
    }
}
