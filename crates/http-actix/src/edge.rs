//! The outermost layer: every request gets an id, one line in the log, and an answer that is a
//! problem document if it is an error.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{
    HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::{Bytes, Data},
};
use domain::identity::Caller;
use tracing::Instrument as _;

use crate::{
    app::App,
    connection::{Handled, Progress},
    crowd::{Member, too_many},
    metrics, positions,
    problem::{Code, Problem, of_framework},
    routes::MatchedRoute,
    traces,
};

/// Names a request, in the log and to the caller.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, for what is noted of it.
pub(crate) struct RequestId(pub(crate) String);

/// How the first line of a request ends.
const HTTP_VERSION: &str = "HTTP/1.1";

/// The longest id that is taken from a caller.
const MAX_ID_BYTES: usize = 128;

/// The middleware around everything.
pub(crate) async fn around<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let start = Instant::now();
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let handled = request.conn_data::<Progress>().map(Progress::handle);
    let span = traces::of_request(&request, &id);
    let surplus = surplus(&request);
    let mut response = match next.call(request).instrument(span.clone()).await {
        Ok(response) => response.map_into_boxed_body(),
        // Only middleware fails like this, and ours answers instead.
        Err(error) => return Err(Problem::internal(error.to_string()).into()),
    };
    positions::tell(&mut response).await;
    let (code, cause);
    (response, code, cause) = tell_problem(response, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    protect(response.headers_mut());
    if surplus.is_some() {
        // Somebody else is to be answered.
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    let matched = route(response.request());
    traces::answered(&span, &mut response, matched);
    let duration = start.elapsed();
    log(&response, &id, duration, cause.as_deref());
    count(&response, duration, code);
    if response.response().body().size() == BodySize::Stream {
        response = response.map_body(|_, body| {
            Working {
                body,
                _handled: handled,
            }
            .boxed()
        });
    }
    Ok(response)
}

/// The middleware that keeps from handlers what is not to be done; pages of other origins may read why.
pub(crate) async fn refuse<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let refusal = match surplus(&request).filter(|_| !is_probe(&request)) {
        Some(member) => {
            member.turn_away();
            Some(too_many())
        }
        None => too_large(&request),
    };
    match refusal {
        Some(problem) => Ok(request.error_response(problem)),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

/// An answer that is a problem document if it is an error; its code, and its cause, which callers do not learn.
fn tell_problem(
    response: ServiceResponse<BoxBody>,
    id: &str,
) -> (
    ServiceResponse<BoxBody>,
    Option<&'static str>,
    Option<String>,
) {
    let Some(error) = response.response().error() else {
        return (response, None, None);
    };
    let framework;
    let problem = if let Some(problem) = error.as_error::<Problem>() {
        problem
    } else {
        framework = of_framework(error);
        &framework
    };
    let (mut answer, cause) = (problem.answer(Some(id)), problem.cause());
    let code = problem.code();
    // What other middleware has added to it is kept.
    let own = answer.headers().clone();
    for (name, value) in response.headers() {
        if !own.contains_key(name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    (response.into_response(answer), Some(code), cause)
}

/// Who asks, if there are too many clients for this one.
fn surplus(request: &ServiceRequest) -> Option<Rc<Member>> {
    let member = request.conn_data::<Rc<Member>>();
    member.filter(|member| member.is_surplus()).cloned()
}

/// What is said of a head that has more than it may.
fn too_large(request: &ServiceRequest) -> Option<Problem> {
    let most = request.app_data::<Data<App>>()?.max_head;
    let uri = request.uri();
    let authority = uri.authority().map_or(0, |it| it.as_str().len());
    let path = uri.path_and_query().map_or(0, |it| it.as_str().len());
    let line = request.method().as_str().len() + authority + path;
    // What stands between them and behind is four bytes each, as in the first line.
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + 4);
    let size = line + HTTP_VERSION.len() + 4 + headers.sum::<usize>();
    (size > most).then(|| {
        let detail = format!("it has {size} bytes, of which {most} are taken");
        Problem::new(Code::HeadTooLarge).detail(detail)
    })
}

/// Whether somebody merely asks how the server is.
fn is_probe(request: &ServiceRequest) -> bool {
    ["/livez", "/readyz"].contains(&request.path())
}

/// What every answer tells browsers and caches, unless it says something else itself (OWASP's REST
/// Security Cheat Sheet, "Security Headers"). That of TLS belongs to the proxy which speaks it.
const PROTECTION: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
];

fn protect(headers: &mut HeaderMap) {
    for (name, value) in PROTECTION {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}

/// A body that is made while it is sent: its request is being handled until it ends.
struct Working {
    body: BoxBody,
    _handled: Option<Handled>,
}

impl MessageBody for Working {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// The id that the caller gave, or a new one.
fn request_id(request: &ServiceRequest) -> String {
    let given = given_id(request.headers());
    given.map_or_else(|| new_id(request), str::to_owned)
}

/// The id that the caller gave, when it is well-formed: letters, digits, `-`, `_` and `.`, at
/// most 128 of them.
pub(crate) fn given_id(headers: &HeaderMap) -> Option<&str> {
    let is_well_formed = |id: &&str| {
        (1..=MAX_ID_BYTES).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let given = headers.get(REQUEST_ID)?.to_str().ok();
    given.filter(is_well_formed)
}

fn new_id(request: &ServiceRequest) -> String {
    let app = request.app_data::<Data<App>>();
    app.map_or_else(String::new, |app| app.ids.next_id().to_string())
}

/// The path pattern of the endpoint that answers.
fn route(request: &HttpRequest) -> &'static str {
    let extensions = request.extensions();
    let matched = extensions.get::<MatchedRoute>();
    matched.map_or("(none)", |route| route.0)
}

fn count(response: &ServiceResponse<BoxBody>, duration: Duration, code: Option<&'static str>) {
    let request = response.request();
    let app = request.app_data::<Data<App>>();
    if app.is_some_and(|app| app.probes.is_metered) {
        let (method, status) = (request.method(), response.status());
        metrics::count(method, route(request), status, duration, code);
    }
}

fn log(response: &ServiceResponse<BoxBody>, id: &str, duration: Duration, cause: Option<&str>) {
    let request = response.request();
    let method = request.method().as_str();
    let route = route(request);
    let extensions = request.extensions();
    let status = response.status().as_u16();
    let duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3;
    let role = extensions
        .get::<Caller>()
        .map_or("anonymous", |caller| caller.principal.role().as_str());
    if response.status().is_server_error() {
        tracing::error!(
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms,
            request_id = id,
            role,
            cause,
            "request"
        );
    } else {
        tracing::info!(
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms,
            request_id = id,
            role,
            "request"
        );
    }
}
