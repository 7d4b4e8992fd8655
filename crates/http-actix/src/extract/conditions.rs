//! Preconditions (RFC 9110, section 13): what the caller has seen already.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{self, EntityTag, Header, IfNoneMatch},
};
use domain::values::{Expected, Version};
use serde_json::json;
use utoipa::openapi::ObjectBuilder;

use crate::{
    answer::FromTag,
    describe::{Description, Extract},
    dto::wire::string,
    problem::{Code, Problem},
};

/// The version that the caller has already: the header `If-None-Match` (RFC 9110, section 13.1.2).
pub(crate) struct Known(Option<IfNoneMatch>);

impl Known {
    /// Whether the caller has the entity with this tag.
    pub(crate) fn holds(&self, tag: &EntityTag) -> bool {
        match &self.0 {
            None => false,
            Some(IfNoneMatch::Any) => true,
            Some(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        }
    }
}

impl FromRequest for Known {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    /// A malformed header is ignored: the caller gets the whole answer.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let is_there = request.headers().contains_key(header::IF_NONE_MATCH);
        let known = is_there.then(|| IfNoneMatch::parse(request).ok());
        ready(Ok(Self(known.flatten())))
    }
}

impl Extract for Known {
    fn describe(operation: &mut Description<'_>) {
        let about = "The `ETag` that the caller has: the answer is 304 while it is the latest.";
        operation.takes_header("If-None-Match", about, string());
    }
}

/// What a change may be made to: the header `If-Match` (RFC 9110, section 13.1.1). Without it,
/// whatever there is.
pub(crate) struct MaybeMatch<T = Version>(pub(crate) Expected<T>);

/// The same, where it must be sent.
pub(crate) struct MustMatch(pub(crate) Expected);

/// What `If-Match` looks like.
fn tags() -> ObjectBuilder {
    string()
        .pattern(Some(
            r#"^(\*|(W/)?"[!#-+\x2d-~]*"( ?, ?(W/)?"[!#-+\x2d-~]*")*)$"#,
        ))
        .examples([json!("\"1\"")])
}

impl<T: FromTag> FromRequest for MaybeMatch<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let expected = expected(request);
        ready(expected.map(|expected| Self(expected.unwrap_or(Expected::Any))))
    }
}

impl<T: FromTag> Extract for MaybeMatch<T> {
    fn describe(operation: &mut Description<'_>) {
        let about = "The `ETag` of what the caller has seen: nothing is done when it has changed \
                     since.";
        operation.takes_header("If-Match", about, tags());
        operation.problem(Code::MalformedMatch);
        operation.problem(Code::Stale);
    }
}

impl FromRequest for MustMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let expected = expected(request);
        ready(
            expected
                .and_then(|expected| expected.map(Self).ok_or(Problem::new(Code::MatchRequired))),
        )
    }
}

impl Extract for MustMatch {
    fn describe(operation: &mut Description<'_>) {
        let about = "The `ETag` of what the caller has seen: nothing is changed when somebody else \
                     has changed it since. `*` changes it whatever it is.";
        operation.requires_header("If-Match", about, tags());
        operation.problem(Code::MalformedMatch);
        operation.problem(Code::Stale);
        operation.problem(Code::MatchRequired);
    }
}

/// What `If-Match` names, if it was sent. Weak tags match nothing.
fn expected<T: FromTag>(request: &HttpRequest) -> Result<Option<Expected<T>>, Problem> {
    let Some(header) = request.headers().get(header::IF_MATCH) else {
        return Ok(None);
    };
    let malformed = || Problem::new(Code::MalformedMatch);
    let text = header.to_str().map_err(|_| malformed())?.trim();
    if text == "*" {
        return Ok(Some(Expected::Any));
    }
    let tags = text.split(',').map(|tag| tag.trim().parse::<EntityTag>());
    let tags: Vec<_> = tags.collect::<Result<_, _>>().map_err(|_| malformed())?;
    let strong = tags.iter().filter(|tag| !tag.weak);
    Ok(Some(Expected::OneOf(
        strong.filter_map(T::from_tag).collect(),
    )))
}
