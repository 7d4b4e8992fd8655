//! Endpoints: each is declared once, and the server, the OpenAPI document and the tests are made
//! from the declarations.

use std::time::Duration;

use actix_web::{
    Handler, HttpMessage, Route,
    body::BoxBody,
    dev::ServiceRequest,
    guard,
    middleware::{Next, from_fn},
    rt,
};
use futures_util::future::LocalBoxFuture;
use tokio::time::timeout;
use utoipa::openapi::HttpMethod;

use crate::{
    access::{self, Access},
    describe::{Answer, Description},
    problem::{Code, Problem},
    rate_limits::Usage,
};

/// The path pattern of the endpoint that answers a request, for the log.
#[derive(Clone, Copy)]
pub(crate) struct MatchedRoute(pub(crate) &'static str);

/// The endpoints of one noun.
pub struct Resource {
    /// The noun.
    pub name: &'static str,
    /// The description of the noun in the OpenAPI document.
    pub about: &'static str,
    /// The endpoints. When two paths match, the earlier one answers.
    pub endpoints: &'static [Endpoint],
}

/// One operation of the API.
pub struct Endpoint {
    /// The HTTP method.
    pub verb: Verb,
    /// The path, with `{id}` for the id.
    pub path: &'static str,
    /// Who may call.
    pub access: Access,
    pub(crate) about: About,
    pub(crate) handler: Handling,
}

/// An HTTP method. An endpoint that reads also answers HEAD. One that writes runs to its end even
/// when the client hangs up, so that what was committed also reaches the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads an entity or a list.
    Get,
    /// Creates an entity.
    Post,
    /// Replaces an entity.
    Put,
    /// Changes parts of an entity.
    Patch,
    /// Removes an entity.
    Delete,
}

impl Verb {
    /// The HTTP methods that it answers.
    #[must_use]
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Get => &["GET", "HEAD"],
            Self::Post => &["POST"],
            Self::Put => &["PUT"],
            Self::Patch => &["PATCH"],
            Self::Delete => &["DELETE"],
        }
    }

    pub(crate) const fn in_the_document(self) -> HttpMethod {
        match self {
            Self::Get => HttpMethod::Get,
            Self::Post => HttpMethod::Post,
            Self::Put => HttpMethod::Put,
            Self::Patch => HttpMethod::Patch,
            Self::Delete => HttpMethod::Delete,
        }
    }
}

/// What the OpenAPI document says of an endpoint beyond its handler's types.
pub(crate) struct About {
    /// The operation's id.
    pub(crate) id: &'static str,
    /// The summary, a few words.
    pub(crate) summary: &'static str,
    /// The description, for callers.
    pub(crate) description: &'static str,
    /// The problems that its service may return.
    pub(crate) problems: &'static [Code],
}

/// A handler, with the description of its input and answer.
pub(crate) struct Handling {
    /// Its route, which answers within a time.
    pub(crate) route: fn(Duration) -> Route,
    pub(crate) describe: fn(&mut Description<'_>),
}

/// Declares an endpoint: `endpoint!(POST "/path", access, handler, about)`.
macro_rules! endpoint {
    (GET $($rest:tt)+) => { $crate::routes::endpoint::endpoint!(@ Get, read, $($rest)+) };
    (POST $($rest:tt)+) => { $crate::routes::endpoint::endpoint!(@ Post, write, $($rest)+) };
    (PUT $($rest:tt)+) => { $crate::routes::endpoint::endpoint!(@ Put, write, $($rest)+) };
    (PATCH $($rest:tt)+) => { $crate::routes::endpoint::endpoint!(@ Patch, write, $($rest)+) };
    (DELETE $($rest:tt)+) => { $crate::routes::endpoint::endpoint!(@ Delete, write, $($rest)+) };
    (@ $verb:ident, $kind:ident, $path:literal, $access:expr, $handler:path, $about:expr $(,)?) => {
        $crate::routes::endpoint::Endpoint {
            verb: $crate::routes::endpoint::Verb::$verb,
            path: $path,
            access: $access,
            about: $about,
            handler: $crate::routes::endpoint::Handling {
                route: |limit| $crate::routes::endpoint::$kind($handler, limit),
                describe: |operation| $crate::describe::describe($handler, operation),
            },
        }
    };
}

pub(crate) use endpoint;

/// The route of a handler that reads: it ends when the client hangs up, or when its time is over.
pub(crate) fn read<F, Args>(handler: F, limit: Duration) -> Route
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Answer,
    F::Future: 'static,
{
    actix_web::web::route().to(InTime { handler, limit })
}

/// The route of a handler that writes: it runs to its end, even when the client hangs up or was told
/// that its time is over.
pub(crate) fn write<F, Args>(handler: F, limit: Duration) -> Route
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Answer,
    F::Future: 'static,
{
    let handler = ToTheEnd(handler);
    actix_web::web::route().to(InTime { handler, limit })
}

/// A handler that runs to its end once it was called.
#[derive(Clone)]
struct ToTheEnd<F>(F);

impl<F, Args> Handler<Args> for ToTheEnd<F>
where
    F: Handler<Args>,
    F::Output: Answer,
    F::Future: 'static,
{
    type Output = Result<F::Output, Problem>;
    type Future = LocalBoxFuture<'static, Self::Output>;

    fn call(&self, args: Args) -> Self::Future {
        let work = rt::spawn(self.0.call(args));
        Box::pin(async { work.await.map_err(Problem::internal) })
    }
}

/// A handler that is given up when it has not answered in time, however long what it waits for does
/// not. The time begins when the request has arrived, with its body.
#[derive(Clone)]
struct InTime<F> {
    handler: F,
    limit: Duration,
}

impl<F, Args> Handler<Args> for InTime<F>
where
    F: Handler<Args>,
    F::Output: Answer,
    F::Future: 'static,
{
    type Output = Result<F::Output, Problem>;
    type Future = LocalBoxFuture<'static, Self::Output>;

    fn call(&self, args: Args) -> Self::Future {
        let (work, limit) = (self.handler.call(args), self.limit);
        if F::Output::TAKES_ITS_TIME {
            return Box::pin(async { Ok(work.await) });
        }
        Box::pin(async move {
            let answered = timeout(limit, work).await;
            answered.map_err(|_| Problem::too_slow(limit))
        })
    }
}

impl Endpoint {
    /// What its requests count as.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.path, self.access)
    }

    /// The handler behind its guards. There is no other way to a handler.
    pub(super) fn route(&self, limit: Duration) -> Route {
        let (access, path) = (self.access, self.path);
        let usage = self.usage();
        let mut methods = self.verb.methods().iter().map(|name| method_guard(name));
        let mut route = (self.handler.route)(limit);
        if let Some(first) = methods.next() {
            route = route.guard(methods.fold(guard::Any(first), guard::AnyGuard::or));
        }
        route.wrap(from_fn(
            move |request: ServiceRequest, next: Next<BoxBody>| {
                request.extensions_mut().insert(MatchedRoute(path));
                access::guard(access, usage, request, next)
            },
        ))
    }
}

fn method_guard(name: &'static str) -> impl guard::Guard {
    guard::fn_guard(move |context| context.head().method.as_str() == name)
}
