//! JSON bodies.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header};
use futures_util::future::LocalBoxFuture;

use super::app;
use crate::{
    describe::{Description, Extract},
    dto::{Described, read_body},
    problem::{Code, Problem},
};

const JSON: &[&str] = &["application/json"];

/// RFC 7396, section 4; JSON is what most clients call it, and is taken for it.
const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// The body, read and checked.
pub(crate) struct Body<T>(pub(crate) T);

/// A body with changes (JSON Merge Patch, RFC 7396), read and checked.
pub(crate) struct MergePatch<T>(pub(crate) T);

impl<T: Described> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body(request.clone(), payload.take(), JSON);
        Box::pin(async { body.await.map(Self) })
    }
}

impl<T: Described> Extract for Body<T> {
    fn describe(operation: &mut Description<'_>) {
        describe_body::<T>(operation, JSON);
    }
}

impl<T: Described> FromRequest for MergePatch<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body(request.clone(), payload.take(), MERGE_PATCH);
        Box::pin(async { body.await.map(Self) })
    }
}

impl<T: Described> Extract for MergePatch<T> {
    fn describe(operation: &mut Description<'_>) {
        describe_body::<T>(operation, MERGE_PATCH);
    }
}

/// Refuses a body in a coding (RFC 9110, section 8.4): what a few bytes become has no bound.
pub(super) fn must_be_as_it_is(request: &HttpRequest) -> Result<(), Problem> {
    let is_none = |coding: &str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    let mut headers = request.headers().get_all(header::CONTENT_ENCODING);
    let is_as_it_is = headers.all(|codings| {
        let codings = codings.to_str();
        codings.is_ok_and(|codings| codings.split(',').map(str::trim).all(is_none))
    });
    if is_as_it_is {
        Ok(())
    } else {
        Err(Problem::encoded_body())
    }
}

async fn body<T: Described>(
    request: HttpRequest,
    payload: Payload,
    media_types: &[&str],
) -> Result<T, Problem> {
    must_be_as_it_is(&request)?;
    let sent = request.content_type();
    if !media_types
        .iter()
        .any(|taken| sent.eq_ignore_ascii_case(taken))
    {
        let detail = format!("the body must be {}", media_types.join(" or "));
        return Err(Problem::new(Code::UnsupportedMediaType).detail(detail));
    }
    let body = app(&request)?.bodies.read(&request, payload).await?;
    read_body(&body.bytes)
}

fn describe_body<T: Described>(operation: &mut Description<'_>, media_types: &[&str]) {
    // The first of them: clients that are generated know one a body.
    operation.takes_body::<T>(media_types.get(..1).unwrap_or_default());
    for code in [
        Code::MalformedJson,
        Code::RequestTimeout,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::Invalid,
    ] {
        operation.problem(code);
    }
}
