//! Problem documents (RFC 9457), and the one mapping from the domain's errors to HTTP.

mod audit;
mod catalog;
mod code;
mod customers;
mod framework;
mod identity;
mod orders;
mod stock;

use std::{error::Error, fmt, num::NonZeroU16, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use domain::{StorageError, values::ValueError};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::causes::whole;

pub(crate) use self::{code::Code, framework::of_framework};

/// A fault of a request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    /// The pointer into the body (RFC 6901), or the name of a query parameter.
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
    /// A fault at this JSON Pointer.
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

    /// A fault of this query parameter.
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

    /// The fault of a row of a table, whose columns have names.
    pub(crate) fn in_a_row(self) -> RowFault {
        RowFault {
            field: match self.place {
                Place::Pointer(pointer) => pointer.trim_start_matches('/').to_owned(),
                Place::Parameter(name) => name,
            },
            code: self.code,
            detail: self.detail,
        }
    }
}

/// A fault of a row of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowFault {
    /// The field; empty when it is the row as a whole.
    pub(crate) field: String,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
}

/// The fault code for the error of a value.
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

/// Why a request failed: its code, and the details for the caller.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: Option<String>,
    faults: Vec<Fault>,
    facts: Map<String, Value>,
    /// Of the answer, beside those of every problem with this code. Few have one, and every result
    /// has room for a problem.
    header: Option<Box<(HeaderName, String)>>,
    /// In seconds.
    retry_after: Option<NonZeroU16>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// A problem document (RFC 9457, section 3).
#[derive(Serialize)]
pub(crate) struct ProblemDocument<'a> {
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

/// The media type of problem documents (RFC 9457, section 6.1).
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The most faults that one answer lists.
const MAX_FAULTS: usize = 100;

/// How long a caller should wait before it retries, in seconds.
const RETRY_AFTER: NonZeroU16 = NonZeroU16::MIN;

impl Problem {
    pub(crate) fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            faults: Vec::new(),
            facts: Map::new(),
            header: None,
            retry_after: None,
            source: None,
        }
    }

    /// A bug of ours. The source is for the log.
    pub(crate) fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(Code::Internal)
        }
    }

    /// A temporary failure. The source is for the log.
    pub(crate) fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(Code::Unavailable)
        }
    }

    /// There was no answer within this time. What was to be written may have been.
    pub(crate) fn too_slow(limit: Duration) -> Self {
        let limit = limit.as_millis();
        Self::unavailable(format!("no answer within {limit} ms")).detail(
            "it took too long. Whether something was changed is not known: send it again, under the same \
             Idempotency-Key if it had one",
        )
    }

    /// A well-formed body that is wrong in these places.
    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        Self::new(Code::Invalid).faults(faults)
    }

    /// A method that the path does not have; `allow` lists those that it has.
    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        Self {
            header: Some(Box::new((header::ALLOW, allow.to_owned()))),
            ..Self::new(Code::MethodNotAllowed).detail(format!("the path has {allow}"))
        }
    }

    /// A body in a coding. The header tells this from a body of the wrong type (RFC 9110, section
    /// 12.5.3).
    pub(crate) fn encoded_body() -> Self {
        let detail = "bodies are not decompressed: send it as it is, without a Content-Encoding";
        Self {
            header: Some(Box::new((header::ACCEPT_ENCODING, "identity".to_owned()))),
            ..Self::new(Code::UnsupportedMediaType).detail(detail)
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

    /// The code, which stays the same from release to release.
    pub(crate) const fn code(&self) -> &'static str {
        self.code.as_str()
    }

    /// The source with all its causes, for the log.
    pub(crate) fn cause(&self) -> Option<String> {
        self.source.as_ref().map(|source| whole(&**source))
    }

    /// The problem document for the caller.
    pub(crate) fn document<'a>(&'a self, request_id: Option<&'a str>) -> ProblemDocument<'a> {
        let code = self.code;
        ProblemDocument {
            r#type: format!("/docs#{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: self.detail.as_deref().unwrap_or(code.remedy()),
            code: code.as_str(),
            request_id,
            facts: &self.facts,
            errors: &self.faults,
        }
    }

    /// The answer to the caller.
    pub(crate) fn answer(&self, request_id: Option<&str>) -> HttpResponse {
        let code = self.code;
        let mut response = HttpResponseBuilder::new(code.status());
        response.content_type(MEDIA_TYPE);
        if let Some(challenge) = code.challenge() {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some((name, value)) = self.header.as_deref() {
            response.insert_header((name, value.as_str()));
        }
        let is_unavailable = code.status() == StatusCode::SERVICE_UNAVAILABLE;
        let retry_after = self.retry_after.or(is_unavailable.then_some(RETRY_AFTER));
        if let Some(seconds) = retry_after {
            response.insert_header((header::RETRY_AFTER, u64::from(seconds.get())));
        }
        match serde_json::to_string(&self.document(request_id)) {
            Ok(body) => response.body(body),
            Err(error) => {
                tracing::error!(%error, "a problem document cannot be written");
                response.finish()
            }
        }
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

    /// Without a request id, which [`crate::edge`] adds.
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

#[cfg(test)]
mod tests {
    use super::*;

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
