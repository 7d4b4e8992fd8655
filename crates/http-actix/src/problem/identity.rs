//! The problems of login, authentication and permissions.

use std::num::NonZeroU16;

use domain::identity::{AuthError, AuthenticationError, Forbidden, PasswordHasherError};

use super::{Code, Problem};

impl From<Forbidden> for Problem {
    fn from(Forbidden(permission): Forbidden) -> Self {
        Self::new(Code::Forbidden).detail(format!("the permission {permission} is needed"))
    }
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Expired => Self::new(Code::TokenExpired),
            AuthenticationError::Invalid => Self::new(Code::TokenInvalid),
            AuthenticationError::Storage(error) => error.into(),
        }
    }
}

impl From<PasswordHasherError> for Problem {
    fn from(error: PasswordHasherError) -> Self {
        match error {
            PasswordHasherError::Busy => Self::unavailable(error),
            PasswordHasherError::Failed(_) => Self::internal(error),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::WrongCredentials => Self::new(Code::WrongCredentials),
            AuthError::TooManyAttempts { retry_after } => Self {
                // Rounded up to whole seconds.
                retry_after: u16::try_from(retry_after.whole_seconds() + 1)
                    .ok()
                    .and_then(NonZeroU16::new),
                ..Self::new(Code::TooManyAttempts)
            },
            AuthError::Passwords(error) => error.into(),
            AuthError::Token(error) => Self::internal(error),
            AuthError::Storage(error) => error.into(),
        }
    }
}
