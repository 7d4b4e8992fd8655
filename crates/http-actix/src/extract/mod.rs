//! The extractors of handlers: the caller, an id from the path, a body, a query. Each yields a
//! valid value or a [`Problem`].

mod body;
mod bulk;
mod conditions;
mod listing;

use std::{
    future::{Ready, ready},
    str::FromStr,
    sync::Arc,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderValue},
    web::Data,
};
use domain::{
    idempotency::IdempotencyKey,
    identity::{Caller, Origin},
    values::UserAgent,
};

pub(crate) use self::{
    body::{Body, MergePatch},
    bulk::{Accepted, Upload},
    conditions::{Known, MaybeMatch, MustMatch},
    listing::Listing,
};
use crate::{
    app::App,
    describe::{Description, Extract},
    dto::{
        Described, read_query,
        wire::{WireValue, string},
    },
    edge::RequestId,
    problem::{Code, Problem},
};

impl<T: 'static> Extract for Data<T> {
    fn describe(_: &mut Description<'_>) {}
}

/// The caller, whom [`crate::access`] has admitted.
pub(crate) struct Authenticated(pub(crate) Caller);

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.map(Self).ok_or(Problem::new(Code::TokenMissing)))
    }
}

/// The endpoint's rule describes who may call.
impl Extract for Authenticated {
    fn describe(_: &mut Description<'_>) {}
}

/// The caller, if there was a token.
pub(crate) struct MaybeAuthenticated(pub(crate) Option<Caller>);

impl FromRequest for MaybeAuthenticated {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.extensions().get::<Caller>().cloned())))
    }
}

/// The endpoint's rule describes who may call.
impl Extract for MaybeAuthenticated {
    fn describe(_: &mut Description<'_>) {}
}

/// Where the request comes from: the last address that is not one of our trusted proxies, and its id.
pub(crate) struct From(pub(crate) Arc<Origin>);

/// Where a request comes from.
pub(crate) fn origin(request: &HttpRequest) -> Result<Arc<Origin>, Problem> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let peer = peer.ok_or_else(|| Problem::internal("the peer has no address"))?;
    let forwarded = request.headers().get_all("x-forwarded-for");
    let extensions = request.extensions();
    let id = extensions.get::<RequestId>();
    Ok(Arc::new(Origin {
        address: app(request)?.proxies.client(peer, forwarded),
        request_id: id.map(|id| id.0.clone()).unwrap_or_default(),
    }))
}

impl FromRequest for From {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(origin(request).map(Self))
    }
}

impl Extract for From {
    fn describe(_: &mut Description<'_>) {}
}

/// What the client calls itself.
pub(crate) struct CallsItself(pub(crate) Option<UserAgent>);

impl FromRequest for CallsItself {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let name = request.headers().get(header::USER_AGENT);
        let name = name.map(|name| String::from_utf8_lossy(name.as_bytes()));
        ready(Ok(Self(name.and_then(|name| UserAgent::cut(&name)))))
    }
}

impl Extract for CallsItself {
    fn describe(_: &mut Description<'_>) {}
}

/// The id in the path.
pub(crate) struct PathId<T>(pub(crate) T);

impl<T: FromStr> FromRequest for PathId<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request
            .match_info()
            .get("id")
            .and_then(|id| id.parse().ok());
        ready(id.map(Self).ok_or(Problem::new(Code::MalformedId)))
    }
}

impl<T: FromStr + WireValue> Extract for PathId<T> {
    fn describe(operation: &mut Description<'_>) {
        operation.takes_id::<T>();
        operation.problem(Code::MalformedId);
    }
}

/// The name at the end of the path.
pub(crate) struct PathName(pub(crate) String);

impl FromRequest for PathName {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let name = request.match_info().get("name").map(str::to_owned);
        ready(name.map(Self).ok_or(Problem::new(Code::NotFound)))
    }
}

impl Extract for PathName {
    fn describe(operation: &mut Description<'_>) {
        operation.takes_in_path("name", "The file's name.", string());
    }
}

/// The header `Idempotency-Key`, if it was sent: a string of RFC 8941, or, as most clients write
/// it, the bare key.
pub(crate) struct MaybeKey(pub(crate) Option<IdempotencyKey>);

impl FromRequest for MaybeKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut headers = request.headers().get_all("idempotency-key");
        let key = match (headers.next(), headers.next()) {
            (None, _) => Ok(Self(None)),
            (Some(header), None) => read_key(header),
            (Some(_), Some(_)) => Err(Problem::new(Code::MalformedIdempotencyKey)),
        };
        ready(key)
    }
}

impl Extract for MaybeKey {
    fn describe(operation: &mut Description<'_>) {
        // The bare key, or a string of RFC 8941.
        let schema = string().pattern(Some(
            r#"^([!#-~][!-~]{0,254}|"[!-~]{1,255}"|"[!-~]{0,253}[!#-~]|")$"#,
        ));
        let about = "What the caller calls this request: a repeat under the same key, within a \
                     day, is answered as the first was.";
        operation.takes_header("Idempotency-Key", about, schema);
        operation.problem(Code::MalformedIdempotencyKey);
    }
}

fn read_key(header: &HeaderValue) -> Result<MaybeKey, Problem> {
    let text = header.to_str().ok();
    let bare = text.map(|text| {
        let quoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        quoted.unwrap_or(text)
    });
    bare.and_then(|key| IdempotencyKey::parse(key).ok())
        .map(|key| MaybeKey(Some(key)))
        .ok_or(Problem::new(Code::MalformedIdempotencyKey))
}

/// The query, read and checked.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: Described> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read_query(request.query_string()).map(Self))
    }
}

impl<T: Described> Extract for Query<T> {
    fn describe(operation: &mut Description<'_>) {
        operation.takes_query::<T>();
        operation.problem(Code::MalformedQuery);
    }
}

fn app(request: &HttpRequest) -> Result<&Data<App>, Problem> {
    let app = request.app_data::<Data<App>>();
    app.ok_or_else(|| Problem::internal("the app is not there"))
}
