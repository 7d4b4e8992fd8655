//! Which spans are told to the collector.

use std::env;

use opentelemetry::{
    Context,
    trace::{SpanKind, TraceContextExt as _, TraceId},
};
use opentelemetry_sdk::trace::{
    IdGenerator as _, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample as _,
};
use tracing::{Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::{Layer, layer, registry::LookupSpan};

/// Of how many traces one is told, unless `OTEL_TRACES_SAMPLER` says otherwise: of each hundred.
const RATIO: f64 = 0.01;

/// `OTEL_TRACES_SAMPLER` and its argument (OpenTelemetry's "Environment Variable Specification").
pub(super) fn from_env() -> Result<Sampler, String> {
    let named = env::var("OTEL_TRACES_SAMPLER").unwrap_or_default();
    let ratio = match env::var("OTEL_TRACES_SAMPLER_ARG") {
        Ok(text) => text
            .parse()
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio))
            .ok_or_else(|| {
                format!("OTEL_TRACES_SAMPLER_ARG is {text:?}, not a ratio such as 0.1")
            })?,
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

/// The most detailed spans that are told.
pub(super) const LEVEL: LevelFilter = LevelFilter::DEBUG;

/// Lets through what is to be told: the requests that the sampler takes, the batches (which are made for
/// these), and all that happens within them. The others are no spans at all: making them cost a tenth of
/// the orders.
pub(crate) struct Told(pub(super) Sampler);

impl Told {
    /// Whether the request that is about to begin is taken, as part of the trace which is attached.
    fn takes_request(&self) -> bool {
        Context::map_current(|parent| {
            let continued = parent.span().span_context().trace_id();
            let trace = match continued {
                TraceId::INVALID => RandomIdGenerator::default().new_trace_id(),
                continued => continued,
            };
            let sampled =
                self.0
                    .should_sample(Some(parent), trace, "request", &SpanKind::Server, &[], &[]);
            sampled.decision == SamplingDecision::RecordAndSample
        })
    }
}

/// It filters for all layers: a span that only some of them leave out is made all the same.
impl<S> Layer<S> for Told
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn register_callsite(&self, about: &'static Metadata<'static>) -> Interest {
        if about.is_event() {
            Interest::always()
        } else if is_ours(about) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LEVEL)
    }

    fn enabled(&self, about: &Metadata<'_>, context: layer::Context<'_, S>) -> bool {
        if about.is_event() {
            return true;
        }
        is_ours(about)
            && match about.name() {
                "request" => self.takes_request(),
                "batch" => true,
                _ => context.lookup_current().is_some(),
            }
    }
}

/// Whether a span is one of ours.
fn is_ours(about: &Metadata<'_>) -> bool {
    let crates = [
        "http_actix",
        "domain",
        "adapters_postgres",
        "adapters_redis",
    ];
    let target = about.target();
    *about.level() <= LEVEL && crates.iter().any(|name| target.starts_with(name))
}
