//! API keys: what machines show in place of a session. A key may do what is both in its scopes and in
//! its owner's role.

mod key;
mod known;
mod ports;
mod service;

pub use key::{ApiKey, ApiKeyId, ApiKeySecret, KeyLife, NewApiKey, OwnedApiKey};
pub use known::KnownApiKeys;
pub use ports::ApiKeyRepository;
pub use service::{ApiKeyError, ApiKeyService};

#[cfg(test)]
pub(crate) use ports::MockApiKeyRepository;
