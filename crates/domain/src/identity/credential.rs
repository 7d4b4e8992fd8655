//! Credentials: what a caller has shown to be let in.

use super::SessionId;

/// What a caller has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A token of this session.
    Session(SessionId),
    /// Nothing: they run a command on the server's machine.
    CommandLine,
}
