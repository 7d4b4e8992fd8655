//! Credentials: what a caller has shown to be let in.

use super::{ApiKeyId, SessionId};

/// What a caller has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A token of this session.
    Session(SessionId),
    /// This key.
    ApiKey(ApiKeyId),
    /// Nothing: they run a command on the server's machine.
    CommandLine,
}
