//! Imports, read as they arrive.

use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use domain::catalog::{Import, ImportError, ImportOutcome};
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;
use thiserror::Error;

use super::{Rows, rows::Unreadable};
use crate::problem::{Fault, Problem, RowFault};

/// How often it is told how far an import has come.
const INTERVAL: Duration = Duration::from_secs(1);

/// What happens while rows are imported.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ImportEvent {
    /// A row was refused.
    Refused {
        /// Where it begins.
        line: u64,
        errors: Vec<RowFault>,
    },
    /// How far it has come, about once a second.
    Progress(Progress),
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Progress {
    pub(crate) rows: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) refused: u64,
}

impl From<ImportOutcome> for Progress {
    fn from(outcome: ImportOutcome) -> Self {
        Self {
            rows: outcome.rows,
            created: outcome.counts.created,
            updated: outcome.counts.updated,
            unchanged: outcome.counts.unchanged,
            refused: outcome.refused,
        }
    }
}

/// Why an import broke off.
#[derive(Debug, Error)]
pub(crate) enum ImportFailed {
    /// The rows cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The rows did not arrive.
    #[error("the rows did not arrive")]
    Source(Problem),
    /// They were not imported.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// Imports what arrives, and tells what happens. It ends the import, unless it breaks off.
pub(crate) async fn import(
    mut import: Import,
    mut rows: Rows,
    bytes: impl Stream<Item = Result<Bytes, Problem>>,
    mut tell: impl FnMut(ImportEvent),
) -> Result<ImportOutcome, ImportFailed> {
    match feed(&mut import, &mut rows, bytes, &mut tell).await {
        Ok(()) => Ok(import.finish().await?),
        Err(broken) => {
            tell(ImportEvent::Progress(import.outcome().into()));
            Err(broken)
        }
    }
}

/// Reads rows and hands them over, until there are no more.
async fn feed(
    import: &mut Import,
    rows: &mut Rows,
    bytes: impl Stream<Item = Result<Bytes, Problem>>,
    tell: &mut impl FnMut(ImportEvent),
) -> Result<(), ImportFailed> {
    let mut bytes = std::pin::pin!(bytes);
    let mut told = Instant::now();
    loop {
        let piece = bytes.next().await.transpose();
        let piece = piece.map_err(ImportFailed::Source)?;
        let read = match &piece {
            Some(piece) => rows.read(piece)?,
            None => rows.end()?,
        };
        for read in read {
            let row = match read.row {
                Ok(row) => Some(row),
                Err(faults) => {
                    tell(ImportEvent::Refused {
                        line: read.line,
                        errors: faults.into_iter().map(Fault::in_a_row).collect(),
                    });
                    None
                }
            };
            import.take(&read.text, row).await?;
        }
        if told.elapsed() >= INTERVAL {
            told = Instant::now();
            tell(ImportEvent::Progress(import.outcome().into()));
        }
        if piece.is_none() {
            return Ok(());
        }
    }
}
