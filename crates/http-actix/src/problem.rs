//! Problem documents (RFC 9457): what can go wrong, and the one map from the domain's errors to
//! HTTP.

use std::{error::Error, fmt};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use domain::{
    MoveRefused, OrderStatus, StorageError, ValueError,
    placement::{Refusal, ShortLine},
    ports::{PasswordHasherError, TokenError},
    services::{AuthError, CustomerError, OrderError, ProductError},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Every kind of problem. A code, once published, keeps its name and its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    MalformedJson,
    MalformedId,
    MalformedQuery,
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
    Invalid,
    Internal,
    Unavailable,
}

impl Code {
    pub(crate) const ALL: [Self; 19] = [
        Self::MalformedJson,
        Self::MalformedId,
        Self::MalformedQuery,
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
        Self::Invalid,
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
            Self::Invalid => (
                S::UNPROCESSABLE_ENTITY,
                "validation_failed",
                "The body is not valid",
                "Mend every field that `errors` names.",
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
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    /// Where in the body (RFC 6901), or the name of a query parameter.
    #[serde(flatten)]
    place: Place,
    code: &'static str,
    detail: String,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Pointer(String),
    Parameter(String),
}

impl Fault {
    /// Something is wrong at this JSON Pointer.
    pub(crate) fn at(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            place: Place::Pointer(pointer.into()),
            code,
            detail: detail.into(),
            facts: Map::new(),
        }
    }

    /// Something is wrong with this parameter of the query.
    pub(crate) fn in_query(
        name: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            place: Place::Parameter(name.into()),
            ..Self::at("", code, detail)
        }
    }

    fn with(mut self, name: &str, fact: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), fact.into());
        self
    }
}

/// The code under which a value's error is told.
pub(crate) const fn value_code(error: &ValueError) -> &'static str {
    match error {
        ValueError::Blank => "blank",
        ValueError::TooShort { .. } => "too_short",
        ValueError::TooLong { .. } => "too_long",
        ValueError::ControlCharacter => "control_character",
        ValueError::OutOfRange { .. } => "out_of_range",
        ValueError::TooManyDecimals { .. } => "too_many_decimals",
        ValueError::Malformed { .. } => "malformed",
    }
}

/// A request that was not served, and why.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: Option<String>,
    faults: Vec<Fault>,
    facts: Map<String, Value>,
    allow: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The most faults that one answer lists.
const MAX_FAULTS: usize = 100;

/// How long a caller should wait before it tries again, in seconds.
const RETRY_AFTER: u64 = 1;

impl Problem {
    pub(crate) fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            faults: Vec::new(),
            facts: Map::new(),
            allow: None,
            source: None,
        }
    }

    /// A bug. The source is for the log.
    pub(crate) fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(Code::Internal)
        }
    }

    /// A passing failure. The source is for the log.
    pub(crate) fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(Code::Unavailable)
        }
    }

    /// A body that is well-formed but wrong in these places.
    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        Self::new(Code::Invalid).faults(faults)
    }

    /// A method that the path does not have; these it has.
    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        Self {
            allow: Some(allow.to_owned()),
            ..Self::new(Code::MethodNotAllowed).detail(format!("the path has {allow}"))
        }
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn faults(mut self, mut faults: Vec<Fault>) -> Self {
        faults.truncate(MAX_FAULTS);
        self.faults = faults;
        self
    }

    fn with(mut self, name: &str, fact: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), fact.into());
        self
    }

    /// The whole cause, for the log.
    pub(crate) fn cause(&self) -> Option<String> {
        let mut next: Option<&(dyn Error + 'static)> = match &self.source {
            Some(source) => Some(&**source),
            None => None,
        };
        let mut chain = Vec::new();
        while let Some(error) = next {
            chain.push(error.to_string());
            next = error.source();
        }
        (!chain.is_empty()).then(|| chain.join(": "))
    }

    /// The document, as the caller gets it.
    pub(crate) fn answer(&self, request_id: Option<&str>) -> HttpResponse {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            code: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            request_id: Option<&'a str>,
            #[serde(flatten)]
            facts: &'a Map<String, Value>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [Fault],
        }
        let code = self.code;
        let mut response = HttpResponseBuilder::new(code.status());
        response.content_type("application/problem+json");
        if let Some(challenge) = challenge(code) {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER));
        }
        let document = Document {
            r#type: format!("/docs#{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: self.detail.as_deref().unwrap_or(code.remedy()),
            code: code.as_str(),
            request_id,
            facts: &self.facts,
            errors: &self.faults,
        };
        match serde_json::to_string(&document) {
            Ok(body) => response.body(body),
            Err(error) => {
                tracing::error!(%error, "a problem document cannot be written");
                response.finish()
            }
        }
    }
}

/// What a 401 asks for (RFC 6750, section 3).
const fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::TokenMissing | Code::WrongCredentials => Some("Bearer"),
        Code::TokenInvalid | Code::TokenExpired => Some(r#"Bearer error="invalid_token""#),
        _ => None,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.title())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Without a request id: [`crate::edge`] puts it in.
    fn error_response(&self) -> HttpResponse {
        self.answer(None)
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(_) => Self::unavailable(error),
            StorageError::Corrupt(_) | StorageError::Internal(_) => Self::internal(error),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Expired => Self::new(Code::TokenExpired),
            TokenError::Invalid => Self::new(Code::TokenInvalid),
            TokenError::Failed(_) => Self::internal(error),
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
            AuthError::Passwords(error) => error.into(),
            AuthError::Tokens(error) => error.into(),
            AuthError::Storage(error) => error.into(),
        }
    }
}

impl From<CustomerError> for Problem {
    fn from(error: CustomerError) -> Self {
        match error {
            CustomerError::PasswordRequired => Self::invalid(vec![Fault::at(
                "/password",
                "required",
                "is needed to sign up; only the shop registers customers without one",
            )]),
            CustomerError::NotForCustomers => Self::new(Code::Forbidden),
            CustomerError::EmailTaken => Self::new(Code::EmailTaken),
            CustomerError::NotFound => Self::new(Code::NotFound),
            CustomerError::Passwords(error) => error.into(),
            CustomerError::Storage(error) => error.into(),
        }
    }
}

impl From<ProductError> for Problem {
    fn from(error: ProductError) -> Self {
        match error {
            ProductError::NotFound => Self::new(Code::NotFound),
            ProductError::Storage(error) => error.into(),
        }
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::CustomerRequired => Self::invalid(vec![Fault::at(
                "/customer_id",
                "required",
                "is needed: the shop orders for a customer",
            )]),
            OrderError::NotForAnother => Self::new(Code::Forbidden)
                .detail("customers order for themselves: leave customer_id out"),
            OrderError::Lines(error) => Self::invalid(vec![Fault::at(
                "/itens",
                value_code(&error),
                error.to_string(),
            )]),
            OrderError::Refused(refusal) => refusal.into(),
            OrderError::NotFound => Self::new(Code::NotFound),
            OrderError::Move(refused) => refused.into(),
            OrderError::Storage(error) => error.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownCustomer => Self::invalid(vec![Fault::at(
                "/customer_id",
                "unknown_customer",
                "names no customer",
            )]),
            Refusal::UnknownProducts { products } => {
                let unknown = products.iter().map(|id| {
                    let detail = format!("{id} is no product");
                    Fault::at("/itens", "unknown_product", detail)
                        .with("product_id", id.to_string())
                });
                Self::invalid(unknown.collect())
            }
            Refusal::InsufficientStock { lines } => {
                Self::new(Code::InsufficientStock).faults(lines.iter().map(short).collect())
            }
        }
    }
}

fn short(line: &ShortLine) -> Fault {
    let (requested, available) = (line.requested.units(), line.available.units());
    let detail = format!("{requested} requested, {available} available");
    Fault::at("/itens", Code::InsufficientStock.as_str(), detail)
        .with("product_id", line.product_id.to_string())
        .with("requested", requested)
        .with("available", available)
}

impl From<MoveRefused> for Problem {
    fn from(refused: MoveRefused) -> Self {
        match refused {
            MoveRefused::Illegal { from, to } => {
                let allowed: Vec<_> = from.successors().iter().map(|s| s.as_str()).collect();
                Self::new(Code::IllegalTransition)
                    .detail(refused.to_string())
                    .with("from", from.as_str())
                    .with("to", to.as_str())
                    .with("allowed", json!(allowed))
            }
            MoveRefused::NotACustomersMove { from, .. } => {
                Self::new(Code::Forbidden).detail(format!(
                    "customers may only cancel orders that are {}; this one is {from}",
                    OrderStatus::Pending
                ))
            }
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

    #[test]
    fn the_cause_is_told_whole_and_only_to_the_log() {
        let problem = Problem::from(StorageError::unavailable("connection refused by 10.0.0.7"));
        assert_eq!(
            problem.cause().unwrap(),
            "storage is unavailable: connection refused by 10.0.0.7"
        );
        let document = format!("{:?}", problem.answer(Some("id")).into_body());
        assert!(!document.contains("10.0.0.7"));
    }
}
