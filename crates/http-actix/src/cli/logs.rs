//! The log, on standard error: text when it is a terminal, JSON lines otherwise.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    thread,
    time::Duration,
};

use clap::Args;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::traces::{self, Traces};

/// How the log is written.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// How long log lines are collected before they are written, in milliseconds; 0 writes each
    /// as soon as it can be
    #[arg(long, env, global = true, value_name = "MS", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=1_000))]
    log_flush_interval_ms: u64,
}

/// Starts the log. `RUST_LOG` selects its content; the default is what an operator needs. A
/// separate thread writes the lines, as many at once as there are, and drops none; the returned
/// guard writes the last of them when it is dropped.
pub(super) fn init(args: &LogArgs, traces: Option<&Traces>) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .finish(Collecting {
            writer: BufWriter::new(io::stderr()),
            interval: Duration::from_millis(args.log_flush_interval_ms),
        });
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(
            "info,actix_http=off,actix_server=warn,refinery_core=warn,tokio_postgres=warn",
        )
    });
    let log = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false);
    let spans = traces.map(|traces| {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(traces.tracer())
            .with_location(false)
            .with_threads(false)
            .with_target(false);
        layer.with_filter(filter_fn(traces::is_ours))
    });
    let registry = tracing_subscriber::registry().with(spans);
    if io::stderr().is_terminal() {
        registry.with(log.with_filter(filter)).init();
    } else {
        let log = log.json().flatten_event(true);
        let log = log.with_current_span(false).with_span_list(false);
        registry.with(log.with_filter(filter)).init();
    }
    guard
}

/// Collects lines for an interval after each flush. Waking the writing thread for a few lines costs
/// more than the lines do: measured without it, at a hundred thousand requests a second a seventh
/// of them, and up to a twentieth of the orders.
struct Collecting<W> {
    writer: W,
    interval: Duration,
}

impl<W: Write> Write for Collecting<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.writer.write(lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        thread::sleep(self.interval);
        Ok(())
    }
}
