//! The problems of login, authentication and permissions.

use domain::{
    identity::{
        AccountError, ApiKeyError, AuthError, AuthenticationError, Forbidden, NotLoggedIn,
        PasswordHasherError, SessionError, TokenRefused,
    },
    rate_limits::{Exceeded, RateLimit},
};

use super::{Code, Problem};
use crate::rate_limits;

impl From<Forbidden> for Problem {
    fn from(Forbidden(permission): Forbidden) -> Self {
        Self::new(Code::Forbidden).detail(format!("the permission {permission} is needed"))
    }
}

impl From<NotLoggedIn> for Problem {
    fn from(NotLoggedIn: NotLoggedIn) -> Self {
        Self::new(Code::LoginNeeded)
    }
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Refused(TokenRefused::Expired) => Self::new(Code::TokenExpired),
            AuthenticationError::Refused(TokenRefused::Invalid) => Self::new(Code::TokenInvalid),
            AuthenticationError::SessionEnded => Self::new(Code::SessionEnded),
            AuthenticationError::Storage(error) => error.into(),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotLoggedIn(error) => error.into(),
            SessionError::InvalidToken | SessionError::TokenReused => {
                Self::new(Code::RefreshTokenInvalid)
            }
            SessionError::NotFound => Self::new(Code::NotFound),
            SessionError::AccountChanged => Self::unavailable(error),
            SessionError::Token(_) | SessionError::Secret(_) => Self::internal(error),
            SessionError::Storage(error) => error.into(),
        }
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::NotLoggedIn(error) => error.into(),
            ApiKeyError::NotFound => Self::new(Code::NotFound),
            // This replica is about to hear of it.
            ApiKeyError::AccountGone => Self::new(Code::SessionEnded),
            ApiKeyError::Secret(error) => Self::internal(error),
            ApiKeyError::Storage(error) => error.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Forbidden(forbidden) => forbidden.into(),
            AccountError::NotFound => Self::new(Code::NotFound),
            AccountError::Stale => Self::new(Code::Stale),
            AccountError::EmailTaken => Self::new(Code::EmailTaken),
            AccountError::RoleOfCustomer => Self::new(Code::RoleOfCustomer),
            AccountError::LastAdmin => Self::new(Code::LastAdmin),
            AccountError::InvalidToken => Self::new(Code::ResetTokenInvalid),
            AccountError::Passwords(error) => error.into(),
            AccountError::Secret(error) => Self::internal(error),
            AccountError::Storage(error) => error.into(),
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

impl From<Exceeded> for Problem {
    fn from(Exceeded { quota, retry_after }: Exceeded) -> Self {
        let RateLimit { name, requests } = quota.limit;
        Self {
            retry_after: rate_limits::retry_after(retry_after),
            ..Self::new(Code::RateLimited).detail(format!(
                "the limit {name:?} is {requests} requests a minute: wait for the seconds in the header \
                 Retry-After"
            ))
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::WrongCredentials => Self::new(Code::WrongCredentials),
            AuthError::Disabled => Self::new(Code::AccountDisabled),
            AuthError::TooManyAttempts { retry_after } => Self {
                retry_after: rate_limits::retry_after(retry_after),
                ..Self::new(Code::TooManyAttempts)
            },
            AuthError::Passwords(error) => error.into(),
            AuthError::Session(error) => error.into(),
            AuthError::Storage(error) => error.into(),
        }
    }
}
