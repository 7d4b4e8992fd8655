//! Every kind of problem, with its status, its name, and what to do about it. The page at `/docs`
//! is written from this table.

use actix_web::http::StatusCode;

/// Every kind of problem. A code, once published, keeps its name and its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    MalformedJson,
    MalformedId,
    MalformedQuery,
    MalformedIdempotencyKey,
    TokenMissing,
    TokenInvalid,
    TokenExpired,
    WrongCredentials,
    Forbidden,
    NotFound,
    RouteNotFound,
    MethodNotAllowed,
    EmailTaken,
    IllegalTransition,
    InsufficientStock,
    BodyTooLarge,
    UnsupportedMediaType,
    IdempotencyKeyReused,
    Invalid,
    TooManyAttempts,
    RequestTimeout,
    Internal,
    Unavailable,
}

impl Code {
    pub(crate) const ALL: [Self; 23] = [
        Self::MalformedJson,
        Self::MalformedId,
        Self::MalformedQuery,
        Self::MalformedIdempotencyKey,
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::WrongCredentials,
        Self::Forbidden,
        Self::NotFound,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::EmailTaken,
        Self::IllegalTransition,
        Self::InsufficientStock,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::Invalid,
        Self::TooManyAttempts,
        Self::RequestTimeout,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The status, the code on the wire, the title, and what the caller can do about it.
    #[expect(clippy::too_many_lines, reason = "a table")]
    const fn about(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedJson => (
                S::BAD_REQUEST,
                "malformed_json",
                "The body is not JSON",
                "Send one JSON object in UTF-8 (RFC 8259).",
            ),
            Self::MalformedId => (
                S::BAD_REQUEST,
                "malformed_id",
                "The id in the path is not a UUID",
                "Use the id as the API gave it, for example 0192f0c1-2a3b-7c4d-8e5f-60718293a4b5.",
            ),
            Self::MalformedQuery => (
                S::BAD_REQUEST,
                "malformed_query",
                "The query is not valid",
                "Mend every parameter that `errors` names.",
            ),
            Self::MalformedIdempotencyKey => (
                S::BAD_REQUEST,
                "malformed_idempotency_key",
                "The idempotency key is not valid",
                "Send 1 to 255 visible ASCII characters in the header Idempotency-Key, for \
                 example a UUID.",
            ),
            Self::TokenMissing => (
                S::UNAUTHORIZED,
                "token_missing",
                "A token is needed",
                "Log in with POST /auth/login and send the header Authorization: Bearer TOKEN.",
            ),
            Self::TokenInvalid => (
                S::UNAUTHORIZED,
                "token_invalid",
                "The token is not valid",
                "Log in with POST /auth/login and send the token as it was given.",
            ),
            Self::TokenExpired => (
                S::UNAUTHORIZED,
                "token_expired",
                "The token has expired",
                "Log in again with POST /auth/login.",
            ),
            Self::WrongCredentials => (
                S::UNAUTHORIZED,
                "wrong_credentials",
                "The email address or the password is wrong",
                "Check both. The answer does not tell which of them is wrong.",
            ),
            Self::Forbidden => (
                S::FORBIDDEN,
                "forbidden",
                "This is not yours to do",
                "Ask somebody whose role may do it.",
            ),
            Self::NotFound => (
                S::NOT_FOUND,
                "not_found",
                "There is no such thing",
                "Check the id. What belongs to somebody else does not show.",
            ),
            Self::RouteNotFound => (
                S::NOT_FOUND,
                "route_not_found",
                "There is no such path",
                "See the endpoints on this page.",
            ),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The path does not have this method",
                "Use one of the methods in the header Allow.",
            ),
            Self::EmailTaken => (
                S::CONFLICT,
                "email_taken",
                "The email address is taken",
                "Use another address, or log in with this one. Case makes no difference.",
            ),
            Self::IllegalTransition => (
                S::CONFLICT,
                "illegal_transition",
                "The order cannot be moved like that",
                "Choose a status from `allowed`. The order is in `from`.",
            ),
            Self::InsufficientStock => (
                S::CONFLICT,
                "insufficient_stock",
                "Not enough is in stock",
                "Order at most `available` of each product in `errors`. Nothing was placed.",
            ),
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The body is too large",
                "Send at most 256 KiB.",
            ),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be JSON",
                "Send the header Content-Type: application/json.",
            ),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The idempotency key stands for another request",
                "Send a new request under a new key. A repeat must be the same as the first.",
            ),
            Self::Invalid => (
                S::UNPROCESSABLE_ENTITY,
                "validation_failed",
                "The body is not valid",
                "Mend every field that `errors` names.",
            ),
            Self::TooManyAttempts => (
                S::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "Too many attempts have failed",
                "Wait for the seconds in the header Retry-After, and then send what is right.",
            ),
            Self::RequestTimeout => (
                S::REQUEST_TIMEOUT,
                "request_timeout",
                "The body did not arrive in time",
                "Send the request again, and its body at once.",
            ),
            Self::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong on our side",
                "Tell the operator the `request_id`.",
            ),
            Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "The service cannot answer right now",
                "Try again after the seconds in the header Retry-After.",
            ),
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.about().0
    }

    pub(crate) const fn as_str(self) -> &'static str {
        self.about().1
    }

    pub(crate) const fn title(self) -> &'static str {
        self.about().2
    }

    pub(crate) const fn remedy(self) -> &'static str {
        self.about().3
    }

    /// What a 401 asks for (RFC 6750, section 3).
    pub(super) const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::TokenMissing | Self::WrongCredentials => Some("Bearer"),
            Self::TokenInvalid | Self::TokenExpired => Some(r#"Bearer error="invalid_token""#),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
