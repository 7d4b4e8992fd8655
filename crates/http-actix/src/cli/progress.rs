//! Progress bars, and Ctrl-C.

use std::{
    fmt,
    io::{self, IsTerminal as _},
};

use domain::bulk::Export;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::signal;

use super::Failure;

/// Does this, unless Ctrl-C ends it.
pub(super) async fn until_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        _ = signal::ctrl_c() => Err("interrupted".into()),
        done = work => done,
    }
}

/// A progress bar: rows, rate and the time that is left; on a terminal alone.
pub(super) async fn bar<T>(export: &mut Export<T>) -> Result<ProgressBar, Failure> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let count = (&mut export.count).await?;
    let template = "{wide_bar} {human_pos}/{human_len} {rate} {eta} left";
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // A bar that cannot be written is not shown.
        let _ = write!(text, "{:.0}/s", state.per_sec());
    };
    let style = ProgressStyle::with_template(template)?.with_key("rate", rate);
    Ok(ProgressBar::new(count).with_style(style))
}
