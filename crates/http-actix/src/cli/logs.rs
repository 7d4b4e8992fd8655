//! The log, on standard error: text when it is a terminal, JSON lines otherwise.

use std::io::{self, BufWriter, IsTerminal};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Starts the log. `RUST_LOG` selects its content; the default is what an operator needs. A
/// separate thread writes the lines, as many at once as there are, and drops none; the returned
/// guard writes the last of them when it is dropped.
pub(super) fn init() -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .finish(BufWriter::new(io::stderr()));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(
            "info,actix_http=off,actix_server=warn,refinery_core=warn,tokio_postgres=warn",
        )
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_target(false);
    if io::stderr().is_terminal() {
        log.init();
    } else {
        let log = log.json().flatten_event(true);
        log.with_current_span(false).with_span_list(false).init();
    }
    guard
}
