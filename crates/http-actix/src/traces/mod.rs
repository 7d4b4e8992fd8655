//! Traces, told to an OpenTelemetry collector over OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` names one:
//! requests, the batches that follow from them, and the statements and commands of both. Without it no
//! span is made.

mod told;

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use actix_web::{
    HttpRequest,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use async_trait::async_trait;
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, hyper::HyperClient};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tokio::runtime::{Builder, Runtime};
use tracing::{Metadata, Span, Subscriber, debug_span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use self::told::Told;
use crate::causes::whole;

/// Where the collector is (OpenTelemetry's "OTLP Exporter Configuration").
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// The traces of this process, until this is dropped.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    sampler: Sampler,
}

impl Traces {
    /// Tells a collector, if one is named.
    ///
    /// # Errors
    ///
    /// What is wrong with the variables that name it.
    pub(crate) fn begin() -> Result<Option<Self>, String> {
        let named = ENDPOINTS.map(|name| (name, env::var(name).unwrap_or_default()));
        let named: Vec<_> = named.iter().filter(|(_, url)| !url.is_empty()).collect();
        if named.is_empty() {
            return Ok(None);
        }
        if let Some((name, _)) = named.iter().find(|(_, url)| !url.starts_with("http://")) {
            return Err(format!(
                "{name} is no URL such as http://collector:4318: it is told without TLS, to a collector nearby"
            ));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new().map_err(|error| error.to_string())?)
            .build()
            .map_err(|error| error.to_string())?;
        let sampler = told::from_env()?;
        let name = env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "balcao".to_owned());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            // What is not to be told is no span in the first place.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(Resource::builder().with_service_name(name).build())
            .build();
        Ok(Some(Self { provider, sampler }))
    }

    /// Leaves out the spans that are not to be told.
    pub(crate) fn told(&self) -> Told {
        Told(self.sampler.clone())
    }

    /// Makes traces of the spans, and nothing of the log.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("balcao"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_span).with_max_level_hint(told::LEVEL))
    }
}

impl Drop for Traces {
    /// Tells the last ones.
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last traces were not told");
        }
    }
}

/// Sends what the exporter has gathered, on the thread of the exporter, which knows no runtime.
#[derive(Debug)]
struct Client {
    runtime: Runtime,
    http: HyperClient,
    has_failed: AtomicBool,
}

/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Client {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            http: HyperClient::with_default_connector(TIMEOUT, None),
            has_failed: AtomicBool::new(false),
        })
    }

    /// Says once that the collector does not take what is told, and once that it does again.
    fn note(&self, failure: Option<String>) {
        let had_failed = self.has_failed.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !had_failed => {
                tracing::warn!(error, "traces are lost: the collector does not take them");
            }
            None if had_failed => tracing::info!("the collector takes traces again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.runtime.block_on(self.http.send_bytes(request));
        self.note(match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(whole(&**error)),
        });
        sent
    }
}

/// Names a request and its trace to the caller (W3C Trace Context, level 2).
const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The span of a request, which continues the trace that its `traceparent` names (W3C Trace Context).
/// Nothing when it is not to be told.
pub(crate) fn of_request(request: &ServiceRequest, id: &str) -> Span {
    // Sampler and span take it from there.
    let _parent = parent(request.headers()).map(Context::attach);
    debug_span!(
        "request",
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = id,
    )
}

/// What a request says that it is a part of.
pub(crate) fn parent(headers: &HeaderMap) -> Option<Context> {
    let headers = Headers(headers);
    is_well_formed(headers.get("traceparent")?)
        .then(|| TraceContextPropagator::new().extract(&headers))
}

/// Whether a text is a `traceparent` (W3C Trace Context, 3.2.2): the propagator takes more.
fn is_well_formed(text: &str) -> bool {
    let mut parts = text.splitn(5, '-');
    let mut part = |digits| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        part.bytes().all(is_digit).then_some(part)
    };
    let (version, trace, span, flags) = (part(2), part(32), part(16), part(2));
    let ends = version != Some("00") || parts.next().is_none();
    version != Some("ff") && [version, trace, span, flags].iter().all(Option::is_some) && ends
}

/// Notes how a request was answered, and tells the caller which trace it is.
pub(crate) fn answered<B>(span: &Span, response: &mut ServiceResponse<B>, route: &str) {
    if span.is_disabled() {
        return;
    }
    let status = response.status();
    let request: &HttpRequest = response.request();
    span.record("http.route", route);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    let context = span.context();
    let context = context.span();
    context.update_name(format!("{} {route}", request.method()));
    let told = context.span_context();
    if !told.is_valid() {
        // A span of the log alone (`RUST_LOG=debug`).
        return;
    }
    let told = format!("00-{}-{}-01", told.trace_id(), told.span_id());
    if let Ok(told) = HeaderValue::from_str(&told) {
        response.headers_mut().insert(TRACE_RESPONSE, told);
    }
}

/// The log is not told.
fn is_span(about: &Metadata<'_>) -> bool {
    about.is_span()
}

/// The headers of a request, for the propagator.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn a_trace_is_continued_by_its_whole_name_alone() {
        let name = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (prefix, suffix, is_one) in [
            ("00-", "", true),
            ("00-", "-more", false),
            ("01-", "-more", true),
            ("ff-", "", false),
            ("0-", "", false),
            ("", "", false),
            ("00-0", "", false),
            ("00-", "0", false),
        ] {
            let text = format!("{prefix}{name}{suffix}");
            assert_eq!(is_well_formed(&text), is_one, "{text}");
        }
        for malformed in [
            "",
            "00",
            "000-a00-f00-0",
            &format!("00-{}", name.to_uppercase()),
        ] {
            assert!(!is_well_formed(malformed), "{malformed}");
        }
    }
}
