//! Access tokens.

use std::time::Duration;

use thiserror::Error;

use crate::Caller;

/// A token that was just issued. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// What the caller presents.
    pub token: String,
    /// How long it is good for.
    pub expires_in: Duration,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Issues and checks access tokens.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Tokens: Send + Sync {
    /// A token with which `caller` proves itself from now on, until it expires.
    ///
    /// # Errors
    ///
    /// `Failed` when it cannot be made.
    fn issue(&self, caller: &Caller) -> Result<AccessToken, TokenError>;

    /// Who presents this token.
    ///
    /// # Errors
    ///
    /// `Expired` for one of ours whose time is over; `Invalid` for everything else that we did not
    /// issue, whatever its form.
    fn verify(&self, token: &str) -> Result<Caller, TokenError>;
}

/// Why a token was not issued or not accepted.
#[derive(Debug, Error)]
pub enum TokenError {
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It is not one of ours.
    #[error("the token is not valid")]
    Invalid,
    /// It could not be made.
    #[error("the token could not be made")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
