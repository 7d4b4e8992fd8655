//! Traces, told to an OpenTelemetry collector over OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` names one:
//! requests, the batches that follow from them, and the statements and commands of both. Without it no
//! span is made.

use std::{env, time::Duration};

use actix_web::{
    HttpRequest,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use async_trait::async_trait;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{Link, SpanKind, TraceContextExt as _, TraceId, TracerProvider as _},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, hyper::HyperClient};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{
        Sampler, SamplingDecision, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample,
    },
};
use tokio::runtime::{Builder, Runtime};
use tracing::{Span, debug_span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Where the collector is (OpenTelemetry's "OTLP Exporter Configuration").
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// Of how many traces one is told, unless `OTEL_TRACES_SAMPLER` says otherwise: of each hundred.
const RATIO: f64 = 0.01;

/// The traces of this process, until this is dropped.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Tells a collector, if one is named.
    ///
    /// # Errors
    ///
    /// What is wrong with the variables that name it.
    pub(crate) fn begin() -> Result<Option<Self>, String> {
        let is_named = |name| env::var(name).is_ok_and(|url| !url.is_empty());
        if !ENDPOINTS.iter().any(is_named) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new().map_err(|error| error.to_string())?)
            .build()
            .map_err(|error| error.to_string())?;
        let name = env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "balcao".to_owned());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(WithBatches(sampler()?))
            .with_resource(Resource::builder().with_service_name(name).build())
            .build();
        Ok(Some(Self(provider)))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("balcao")
    }
}

impl Drop for Traces {
    /// Tells the last ones.
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces were not told");
        }
    }
}

/// Whether a span is one of ours. The log is not told to the collector.
pub(crate) fn is_ours(about: &tracing::Metadata<'_>) -> bool {
    let crates = [
        "http_actix",
        "domain",
        "adapters_postgres",
        "adapters_redis",
    ];
    about.is_span() && crates.iter().any(|name| about.target().starts_with(name))
}

/// Sends what the exporter has gathered, on the thread of the exporter, which knows no runtime.
#[derive(Debug)]
struct Client {
    runtime: Runtime,
    http: HyperClient,
}

/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Client {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            http: HyperClient::with_default_connector(TIMEOUT, None),
        })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.block_on(self.http.send_bytes(request))
    }
}

/// `OTEL_TRACES_SAMPLER` and its argument (OpenTelemetry's "Environment Variable Specification").
fn sampler() -> Result<Sampler, String> {
    let named = env::var("OTEL_TRACES_SAMPLER").unwrap_or_default();
    let ratio = match env::var("OTEL_TRACES_SAMPLER_ARG") {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("OTEL_TRACES_SAMPLER_ARG is {text:?}, not a ratio such as 0.1"))?,
        Err(_) => RATIO,
    };
    let (is_parent_based, name) = match named.strip_prefix("parentbased_") {
        Some(name) => (true, name),
        None => (named.is_empty(), named.as_str()),
    };
    let sampler = match name {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" | "" => Sampler::TraceIdRatioBased(ratio),
        _ => {
            return Err(format!(
                "OTEL_TRACES_SAMPLER is {named:?}, which is none of always_on, always_off, \
                 traceidratio, and the same after parentbased_"
            ));
        }
    };
    Ok(if is_parent_based {
        Sampler::ParentBased(Box::new(sampler))
    } else {
        sampler
    })
}

/// Decides as the other sampler does, but of a batch: that is told when one of its requests is.
#[derive(Clone, Debug)]
struct WithBatches(Sampler);

impl ShouldSample for WithBatches {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if links.is_empty() {
            return self
                .0
                .should_sample(parent, trace, name, kind, attributes, links);
        }
        let is_told = |link: &Link| link.span_context.is_sampled();
        SamplingResult {
            decision: if links.iter().any(is_told) {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: Vec::new(),
            trace_state: opentelemetry::trace::TraceState::default(),
        }
    }
}

/// Names a request and its trace to the caller (W3C Trace Context, level 2).
const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The span of a request, which continues the trace that its `traceparent` names (W3C Trace Context).
/// Nothing when there are no traces.
pub(crate) fn of_request(request: &ServiceRequest, id: &str) -> Span {
    let span = debug_span!(
        "request",
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = id,
    );
    if !span.is_disabled() {
        let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
        // It fails where nobody makes traces of spans.
        let _ = span.set_parent(parent);
    }
    span
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
    let flags = if told.is_sampled() { "01" } else { "00" };
    let told = format!("00-{}-{}-{flags}", told.trace_id(), told.span_id());
    if let Ok(told) = HeaderValue::from_str(&told) {
        response.headers_mut().insert(TRACE_RESPONSE, told);
    }
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
