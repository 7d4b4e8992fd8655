//! `balcao import`.

use std::{
    io::{self, IsTerminal as _, Read as _},
    path::PathBuf,
};

use actix_web::web::Bytes;
use clap::{Args, Subcommand};
use domain::{
    catalog::{ImportMode, ImportOutcome},
    identity::Caller,
};
use futures_util::{Stream, stream};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal;

use super::Failure;
use crate::{
    app::shop_of_the_operator,
    bulk::{Format, ImportEvent, ImportFailed, Rows, import},
    problem::{Problem, RowFault},
    settings::DatabaseArgs,
};

#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// Create products, or change those whose numbers (sku) are known
    ///
    /// Rows are written in batches of a thousand. Ctrl-C stops between two batches; what was written
    /// until then stays, unless it is --atomic.
    Products(Products),
}

#[derive(Debug, Args)]
pub(super) struct Products {
    #[command(flatten)]
    database: DatabaseArgs,

    /// A table (.csv) or lines of JSON (.ndjson, .jsonl); - is the standard input
    file: PathBuf,

    /// The format, when the end of the file's name does not say it
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// All or nothing: one row that is refused is enough for nothing to be written
    #[arg(long, conflicts_with = "validate_only")]
    atomic: bool,

    /// Only say what would be done
    #[arg(long)]
    validate_only: bool,
}

/// How many bytes are read at once.
const PIECE: usize = 64 * 1_024;

impl Import {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self::Products(products) = self;
        products.run().await
    }
}

impl Products {
    async fn run(self) -> Result<(), Failure> {
        let format = self.format()?;
        let mode = match (self.atomic, self.validate_only) {
            (true, _) => ImportMode::Atomic,
            (_, true) => ImportMode::ValidateOnly,
            (false, false) => ImportMode::InBatches,
        };
        let (source, length) = self.open()?;
        let database = super::database(self.database).await?;
        let shop = shop_of_the_operator(&database)?;
        let started = shop.catalog.import(&Caller::OPERATOR, mode, None).await?;
        let bar = bar(length);
        let mut told_last = None;
        let tell = |event: ImportEvent| match event {
            ImportEvent::Refused { line, errors } => {
                bar.suspend(|| eprintln!("line {line}: {}", told(&errors)));
            }
            ImportEvent::Progress(progress) => {
                told_last = Some(progress);
                let rate = progress.rows / bar.elapsed().as_secs().max(1);
                bar.set_message(format!("{} rows {rate}/s", progress.rows));
            }
        };
        let bytes = pieces(source, bar.clone());
        let work = import(started, Rows::new(format), bytes, tell);
        let ended = if mode == ImportMode::Atomic {
            // At any moment: it has written nothing until its end.
            tokio::select! {
                ended = work => ended,
                _ = signal::ctrl_c() => Err(interrupted()),
            }
        } else {
            work.await
        };
        bar.finish_and_clear();
        match (ended, told_last) {
            (Ok(outcome), _) => conclude(outcome, mode),
            (Err(failed), Some(progress)) if mode == ImportMode::InBatches => Err(format!(
                "{}; of {} rows, what was written stays: created {}, updated {}, unchanged {}",
                cause(failed),
                progress.rows,
                progress.created,
                progress.updated,
                progress.unchanged
            )
            .into()),
            (Err(failed), _) => Err(cause(failed).into()),
        }
    }

    fn format(&self) -> Result<Format, Failure> {
        let extension = self.file.extension().and_then(|end| end.to_str());
        let of_the_name = match extension {
            Some("csv") => Some(Format::Csv),
            Some("ndjson" | "jsonl") => Some(Format::Ndjson),
            _ => None,
        };
        let format = self.format.or(of_the_name);
        format.ok_or_else(|| "say which format it is: --format csv or --format ndjson".into())
    }

    /// The file, and how many bytes it has, if that is known.
    fn open(&self) -> Result<(Box<dyn io::Read + Send>, Option<u64>), Failure> {
        if self.file.as_os_str() == "-" {
            return Ok((Box::new(io::stdin()), None));
        }
        let name = self.file.display();
        let file = std::fs::File::open(&self.file).map_err(|error| format!("{name}: {error}"))?;
        let length = file.metadata()?.len();
        Ok((Box::new(file), Some(length)))
    }
}

fn interrupted() -> ImportFailed {
    ImportFailed::Source(Problem::internal("interrupted"))
}

/// Why an import broke off.
fn cause(failed: ImportFailed) -> String {
    match failed {
        ImportFailed::Source(problem) => problem.cause().unwrap_or_else(|| problem.to_string()),
        failed => failed.to_string(),
    }
}

/// What is said at the end; an import that refused rows has failed.
fn conclude(outcome: ImportOutcome, mode: ImportMode) -> Result<(), Failure> {
    let ImportOutcome {
        rows,
        refused,
        counts,
        is_replay: _,
    } = outcome;
    let would = match mode {
        ImportMode::ValidateOnly => "would be ",
        ImportMode::InBatches | ImportMode::Atomic => "",
    };
    println!(
        "{rows} rows: {would}created {}, updated {}, unchanged {}, refused {refused}",
        counts.created, counts.updated, counts.unchanged
    );
    match (refused, mode) {
        (0, _) => Ok(()),
        (_, ImportMode::Atomic) => Err("rows were refused, so nothing was imported".into()),
        (_, ImportMode::InBatches | ImportMode::ValidateOnly) => {
            Err("rows were refused: mend them and import them again".into())
        }
    }
}

fn told(errors: &[RowFault]) -> String {
    let told = errors
        .iter()
        .map(|RowFault { field, detail, .. }| format!("{field} {detail}").trim().to_owned());
    told.collect::<Vec<_>>().join("; ")
}

/// The bytes of a file, until Ctrl-C. They are read on a thread of their own, which nobody waits for:
/// a pipe may be silent for ever.
fn pieces(
    mut source: Box<dyn io::Read + Send>,
    bar: ProgressBar,
) -> impl Stream<Item = Result<Bytes, Problem>> {
    let (sender, pieces) = async_channel::bounded(1);
    std::thread::spawn(move || {
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let mut read = source.by_ref().take(PIECE.try_into().unwrap_or(u64::MAX));
            let piece = read.read_to_end(&mut piece).map(|_| piece);
            let is_end = piece.as_ref().is_ok_and(Vec::is_empty);
            let is_last = piece.is_err();
            if is_end || sender.send_blocking(piece).is_err() || is_last {
                break;
            }
        }
    });
    let interrupted = Box::pin(signal::ctrl_c());
    stream::unfold((pieces, interrupted), move |(pieces, mut interrupted)| {
        let bar = bar.clone();
        async move {
            let piece = tokio::select! {
                biased;
                _ = &mut interrupted => Err(io::Error::other("interrupted")),
                piece = pieces.recv() => piece.ok()?,
            };
            if let Ok(piece) = &piece {
                bar.inc(piece.len().try_into().unwrap_or_default());
            }
            let piece = piece.map(Bytes::from).map_err(Problem::internal);
            Some((piece, (pieces, interrupted)))
        }
    })
}

/// A progress bar over so many bytes: rows, rate and the time that is left; on a terminal alone.
fn bar(length: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{wide_bar} {bytes}/{total_bytes} {msg} {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {msg}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style).with_message("0 rows"),
        Err(_) => bar,
    }
}
