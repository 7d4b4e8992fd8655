//! All kinds of problems, with status, name and remedies. The page at `/docs` is generated from
//! this table.

use actix_web::http::StatusCode;

/// Declares the table: one row per code.
macro_rules! problems {
    ($($name:ident: $status:ident, $code:literal, $title:literal,
        caller: $caller:literal, operator: $operator:literal;)+) => {
        /// Every kind of problem. A code, once published, keeps its name and its status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $($name,)+
        }

        impl Code {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)+];

            const fn about(self) -> About {
                match self {
                    $(Self::$name => About {
                        status: StatusCode::$status,
                        code: $code,
                        title: $title,
                        caller: $caller,
                        operator: $operator,
                    },)+
                }
            }
        }
    };
}

/// A row of the table.
struct About {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    caller: &'static str,
    operator: &'static str,
}

problems! {
    MalformedJson: BAD_REQUEST, "malformed_json", "The body is not JSON",
        caller: "Send one JSON object in UTF-8 (RFC 8259).",
        operator: "Nothing.";

    MalformedId: BAD_REQUEST, "malformed_id", "The id in the path is not a UUID",
        caller: "Use the id as the API gave it, for example 0192f0c1-2a3b-7c4d-8e5f-60718293a4b5.",
        operator: "Nothing.";

    MalformedQuery: BAD_REQUEST, "malformed_query", "The query is not valid",
        caller: "Mend every parameter that `errors` names.",
        operator: "Nothing.";

    MalformedIdempotencyKey: BAD_REQUEST, "malformed_idempotency_key", "The idempotency key is not valid",
        caller: "Send 1 to 255 visible ASCII characters in the header Idempotency-Key, for \
                 example a UUID.",
        operator: "Nothing.";

    MalformedPosition: BAD_REQUEST, "malformed_position", "The header Balcao-Position is not valid",
        caller: "Send it as an answer had it, for example 16/B374D848, or leave it out.",
        operator: "Nothing.";

    MalformedMatch: BAD_REQUEST, "malformed_match", "The header If-Match is not valid",
        caller: "Send the ETag as the API gave it, with its quotes: \"3\". Or * for whatever it is.",
        operator: "Nothing.";

    TokenMissing: UNAUTHORIZED, "token_missing", "A token is needed",
        caller: "Log in with POST /auth/login and send the header Authorization: Bearer TOKEN.",
        operator: "Nothing.";

    TokenInvalid: UNAUTHORIZED, "token_invalid", "The token is not valid",
        caller: "Log in with POST /auth/login and send the token, or an API key, as it was given.",
        operator: "Many at once after a start: every replica must have the same JWT_SECRET.";

    TokenExpired: UNAUTHORIZED, "token_expired", "The token has expired",
        caller: "Get the next one with POST /auth/refresh, or log in again with POST /auth/login; in place \
                 of an API key, make another one.",
        operator: "Nothing; JWT_TTL_SECONDS says how long tokens are good.";

    SessionEnded: UNAUTHORIZED, "session_ended", "The session has ended",
        caller: "Log in again with POST /auth/login. A session ends with a logout, and with another \
                 password or role of its account.",
        operator: "Nothing.";

    RefreshTokenInvalid: UNAUTHORIZED, "refresh_token_invalid", "The refresh token is not valid",
        caller: "Log in again with POST /auth/login. Each refresh token is good once, and the session \
                 ends when one is used a second time.",
        operator: "Search the log for \"used twice\": a client keeps old tokens, or somebody steals them.";

    ResetTokenInvalid: UNAUTHORIZED, "reset_token_invalid", "The token to reset the password is not valid",
        caller: "Ask an administrator for another one. A token is good once, for an hour, and until \
                 another one is made.",
        operator: "Nothing.";

    WrongCredentials: UNAUTHORIZED, "wrong_credentials", "The email address or the password is wrong",
        caller: "Check both. The answer does not tell which of them is wrong.",
        operator: "Many of one address are somebody who guesses: they are slowed down.";

    Forbidden: FORBIDDEN, "forbidden", "This is not yours to do",
        caller: "Ask somebody whose role may do it.",
        operator: "Nothing; PATCH /users/{id} gives an account of the shop another role.";

    LoginNeeded: FORBIDDEN, "login_needed", "No API key may do this",
        caller: "Log in with POST /auth/login, and send that token.",
        operator: "Nothing.";

    AccountDisabled: FORBIDDEN, "account_disabled", "The account is disabled",
        caller: "Ask an administrator to enable it.",
        operator: "Nothing; PATCH /users/{id} enables it.";

    NotFound: NOT_FOUND, "not_found", "There is no such thing",
        caller: "Check the id. What belongs to somebody else does not show.",
        operator: "Nothing.";

    RouteNotFound: NOT_FOUND, "route_not_found", "There is no such path",
        caller: "See the endpoints on this page.",
        operator: "Nothing.";

    MethodNotAllowed: METHOD_NOT_ALLOWED, "method_not_allowed", "The path does not have this method",
        caller: "Use one of the methods in the header Allow.",
        operator: "Nothing.";

    NotAcceptable: NOT_ACCEPTABLE, "not_acceptable", "It cannot be had in that format",
        caller: "Send the header Accept: text/csv, or Accept: application/x-ndjson.",
        operator: "Nothing.";

    KeyInUse: CONFLICT, "idempotency_key_in_use", "Another request under this key is in progress",
        caller: "Wait until it has ended, and send this one again.",
        operator: "Nothing.";

    EmailTaken: CONFLICT, "email_taken", "The email address is taken",
        caller: "Use another address, or log in with this one. Case makes no difference.",
        operator: "Nothing.";

    IllegalTransition: CONFLICT, "illegal_transition", "The order cannot be moved like that",
        caller: "Choose a status from `allowed`. The order is in `from`.",
        operator: "Nothing.";

    InsufficientStock: CONFLICT, "insufficient_stock", "Not enough is in stock",
        caller: "Order at most `available` of each product in `errors`. Nothing was placed.",
        operator: "Count what there is and set the stock of the product, or record what was delivered.";

    StockChanged: CONFLICT, "stock_changed", "The stock is not what you expected",
        caller: "There are `available` now. Count again, and send what you expect to be there.",
        operator: "Nothing.";

    SkuTaken: CONFLICT, "sku_taken", "Another product has this number",
        caller: "Use another `sku`, or change the product that has this one.",
        operator: "Nothing.";

    LastAdmin: CONFLICT, "last_admin", "This is the last administrator",
        caller: "Make somebody else an administrator first.",
        operator: "Nothing; `balcao user create` makes one as well.";

    RoleOfCustomer: CONFLICT, "role_of_customer", "The account is a customer's, and stays one",
        caller: "Create another account, with another address.",
        operator: "Nothing.";

    Stale: PRECONDITION_FAILED, "stale", "It has changed since you read it",
        caller: "Read it again, make your change to what is there now, and send its new ETag in If-Match.",
        operator: "Nothing.";

    MatchRequired: PRECONDITION_REQUIRED, "match_required", "The header If-Match is needed",
        caller: "Send the ETag of what you have read in the header If-Match, so that you overwrite \
                 nobody's change; or * to change it whatever it is.",
        operator: "Nothing.";

    BodyTooLarge: PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large",
        caller: "Send less: at most 256 KiB, unless the shop has set another limit.",
        operator: "Nothing; HTTP_MAX_BODY_KIB says how much a body may have.";

    HeadTooLarge: REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "The head of the request is too large",
        caller: "Send fewer or shorter headers, mostly cookies, or a shorter URL.",
        operator: "Nothing; HTTP_MAX_HEAD_KIB says how much a head may have.";

    UnsupportedMediaType: UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body is not of a type that is taken here",
        caller: "Send the header Content-Type with one of the types in `detail`, mostly application/json; \
                 and no Content-Encoding: bodies are not decompressed.",
        operator: "Nothing.";

    IdempotencyKeyReused: UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The idempotency key stands for another request",
        caller: "Send a new request under a new key. A repeat must be the same as the first.",
        operator: "Nothing.";

    Invalid: UNPROCESSABLE_ENTITY, "validation_failed", "The body is not valid",
        caller: "Mend every field that `errors` names.",
        operator: "Nothing.";

    TooManyAttempts: TOO_MANY_REQUESTS, "too_many_attempts", "Too many attempts have failed",
        caller: "Wait for the seconds in the header Retry-After, and then send what is right.",
        operator: "Behind a proxy, HTTP_TRUSTED_PROXIES must name it: else everybody has its address.";

    RateLimited: TOO_MANY_REQUESTS, "rate_limited", "Too many requests",
        caller: "Wait for the seconds in the header Retry-After. RateLimit tells with each answer how many \
                 more requests may be sent.",
        operator: "RATE_LIMIT_CUSTOMER, RATE_LIMIT_STAFF, RATE_LIMIT_ADDRESS and RATE_LIMIT_AUTH are the \
                   limits. Behind a proxy, HTTP_TRUSTED_PROXIES must name it: else everybody has its \
                   address.";

    RequestTimeout: REQUEST_TIMEOUT, "request_timeout", "The body did not arrive in time",
        caller: "Send the request again, and its body at once.",
        operator: "Nothing; HTTP_READ_TIMEOUT_SECONDS says how long a client may be silent.";

    Internal: INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side",
        caller: "Tell the operator the `request_id`.",
        operator: "A bug: search the log for the request id and report the cause that stands there.";

    Unavailable: SERVICE_UNAVAILABLE, "unavailable", "The service cannot answer right now",
        caller: "Try again after the seconds in the header Retry-After.",
        operator: "Search the log for the request id: PostgreSQL does not answer, or more is asked than can be done.";
}

impl Code {
    pub(crate) const fn status(self) -> StatusCode {
        self.about().status
    }

    pub(crate) const fn as_str(self) -> &'static str {
        self.about().code
    }

    pub(crate) const fn title(self) -> &'static str {
        self.about().title
    }

    /// What the caller can do about it.
    pub(crate) const fn remedy(self) -> &'static str {
        self.about().caller
    }

    /// What the operator can do about it.
    pub(crate) const fn operators_remedy(self) -> &'static str {
        self.about().operator
    }

    /// The challenge of a 401 (RFC 6750, section 3).
    pub(super) const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::TokenMissing
            | Self::WrongCredentials
            | Self::RefreshTokenInvalid
            | Self::ResetTokenInvalid => Some("Bearer"),
            Self::TokenInvalid | Self::TokenExpired | Self::SessionEnded => {
                Some(r#"Bearer error="invalid_token""#)
            }
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
