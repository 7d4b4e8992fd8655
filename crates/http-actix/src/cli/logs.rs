//! The log, on standard error: text when it is a terminal, JSON lines otherwise.

use std::{
    env,
    io::{self, BufWriter, IsTerminal, Write},
    thread,
    time::Duration,
};

use clap::Args;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::traces::Traces;

/// How the log is written.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// How long log lines are collected before they are written, in milliseconds; 0 writes each
    /// as soon as it can be
    #[arg(long, env, global = true, value_name = "MS", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=1_000))]
    log_flush_interval_ms: u64,
}

/// What an operator needs.
const DEFAULT: &str = "info,actix_http=off,actix_server=warn,refinery_core=warn";

/// PostgreSQL's driver logs what each statement is given, which is names, addresses and hashes, and
/// whoever asks for `debug` does not think of that: whoever wants it has to name it.
const UNLESS_NAMED: &str = "tokio_postgres=warn";

/// Starts the log. `RUST_LOG` selects its content. A separate thread writes the lines, as many at once
/// as there are, and drops none; the returned guard writes the last of them when it is dropped. Spans
/// become traces, if there are any.
pub(super) fn init(args: &LogArgs, traces: Option<&Traces>) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .finish(Collecting {
            writer: BufWriter::new(io::stderr()),
            interval: Duration::from_millis(args.log_flush_interval_ms),
        });
    let chosen = env::var(EnvFilter::DEFAULT_ENV).ok();
    let is_readable = chosen
        .as_deref()
        .is_none_or(|it| EnvFilter::try_new(it).is_ok());
    let filter = filter(chosen.as_deref());
    let log = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false);
    let registry = tracing_subscriber::registry()
        .with(traces.map(Traces::told))
        .with(traces.map(Traces::layer));
    if io::stderr().is_terminal() {
        registry.with(log.with_filter(filter)).init();
    } else {
        let log = log.json().flatten_event(true);
        let log = log.with_current_span(false).with_span_list(false);
        registry.with(log.with_filter(filter)).init();
    }
    if !is_readable {
        tracing::warn!(
            "RUST_LOG cannot be read, and is left aside: it is to be such as info,http_actix=debug"
        );
    }
    guard
}

/// What is written, with what `RUST_LOG` says: the default if that is nothing or cannot be read.
fn filter(chosen: Option<&str>) -> EnvFilter {
    // Of two directives for one target the later one counts.
    let with = |directives: &str| format!("{UNLESS_NAMED},{directives}");
    chosen
        .filter(|chosen| !chosen.trim().is_empty())
        .and_then(|chosen| EnvFilter::try_new(with(chosen)).ok())
        .unwrap_or_else(|| EnvFilter::new(with(DEFAULT)))
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

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn what_statements_are_given_is_logged_only_if_the_driver_is_named() {
        for (chosen, driver) in [
            (None, "tokio_postgres=warn"),
            (Some(""), "tokio_postgres=warn"),
            (Some("no=such=thing"), "tokio_postgres=warn"),
            (Some("trace"), "tokio_postgres=warn"),
            (Some("warn,tokio=debug"), "tokio_postgres=warn"),
            (Some("tokio_postgres=debug,info"), "tokio_postgres=debug"),
            (Some("tokio_postgres"), "tokio_postgres=trace"),
        ] {
            let filter = filter(chosen).to_string();
            let directives: Vec<_> = filter.split(',').collect();
            let of_the_driver = directives
                .iter()
                .filter(|one| one.starts_with("tokio_postgres"));
            assert_eq!(of_the_driver.collect::<Vec<_>>(), [&driver], "{chosen:?}");
            let is_default = directives.contains(&"actix_http=off");
            let names_levels = chosen.is_some_and(|chosen| !matches!(chosen, "" | "no=such=thing"));
            assert_ne!(is_default, names_levels, "{chosen:?}: {filter}");
        }
    }
}
