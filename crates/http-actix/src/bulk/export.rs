//! Exports, written as they are read.

use actix_web::web::Bytes;
use domain::{StorageError, bulk::Export, identity::Caller};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;

use super::Format;

/// What can be exported.
pub(crate) trait Exported {
    /// The names of the columns of a table.
    const COLUMNS: &'static [&'static str];

    /// One line of JSON.
    type Line: Serialize;

    /// It as a line of JSON, as this caller sees it.
    fn line(&self, caller: &Caller) -> Self::Line;

    /// It as one row of a table or more.
    fn write(&self, table: &mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error>;
}

/// The text of an export, piece by piece.
pub(crate) fn lines<T: Exported>(
    caller: Caller,
    export: Export<T>,
    format: Format,
) -> impl Stream<Item = Result<Bytes, StorageError>> {
    let head = match format {
        Format::Csv => table(|table| table.write_record(T::COLUMNS)),
        Format::Ndjson => Ok(Bytes::new()),
    };
    let pieces = export.batches.map(move |batch| match format {
        Format::Csv => {
            let batch = batch?;
            table(|table| batch.iter().try_for_each(|entity| entity.write(table)))
        }
        Format::Ndjson => ndjson(&caller, &batch?),
    });
    let is_text = |piece: &Result<Bytes, StorageError>| {
        std::future::ready(piece.as_ref().map_or(true, |piece| !piece.is_empty()))
    };
    stream::iter([head]).chain(pieces).filter(is_text)
}

fn ndjson<T: Exported>(caller: &Caller, batch: &[T]) -> Result<Bytes, StorageError> {
    let mut text = Vec::with_capacity(batch.len() * 256);
    for entity in batch {
        serde_json::to_writer(&mut text, &entity.line(caller)).map_err(StorageError::internal)?;
        text.push(b'\n');
    }
    Ok(text.into())
}

/// The rows of a table.
fn table(
    write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error>,
) -> Result<Bytes, StorageError> {
    let mut table = csv::Writer::from_writer(Vec::new());
    write(&mut table).map_err(StorageError::internal)?;
    let text = table
        .into_inner()
        .map_err(|error| StorageError::internal(error.into_error()))?;
    Ok(text.into())
}
