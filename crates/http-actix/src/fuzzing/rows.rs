//! Rows of an import.

use domain::{
    catalog::ImportRow,
    stock::StockLevel,
    values::{Description, Sku},
};
use serde_json::json;

use crate::{
    bulk::{Format, Rows, defused},
    problem::Fault,
};

/// A row: its line, what it consists of, and the product, or what is wrong with it.
type Row = (u64, Vec<u8>, Result<ImportRow, String>);

/// What was read, and why nothing more was.
type Told = (Vec<Row>, Option<String>);

/// How many rows are written and read again: more of them only take time.
const MAX_AGAIN: usize = 4;

/// Rows in a table.
pub fn csv(bytes: &[u8]) {
    rows(Format::Csv, bytes);
}

/// Rows as lines of JSON.
pub fn ndjson(bytes: &[u8]) {
    rows(Format::Ndjson, bytes);
}

/// However the bytes arrive, the same rows are read. There are no more of them than lines, each is on a
/// line of its own that is not blank, and each is read again as it was, in both formats.
fn rows(format: Format, bytes: &[u8]) {
    // How long the pieces are that arrive.
    let Some((sizes, text)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let whole = read(format, [text]);
    let mut rest = text;
    let pieces = sizes.iter().cycle().map_while(|size| {
        let (piece, after) = rest.split_at(usize::from(*size).min(rest.len()));
        let has_begun = !rest.is_empty();
        rest = after;
        has_begun.then_some(piece)
    });
    // Pieces without any bytes would never come to an end.
    if sizes.iter().any(|size| *size > 0) {
        same(&read(format, pieces), &whole);
    }
    are_where_they_say(text, &whole.0);
    let taken = whole.0.into_iter().filter_map(|(.., row)| row.ok());
    for row in taken.take(MAX_AGAIN) {
        let line = as_line(&row);
        assert_eq!(again(Format::Ndjson, line.as_bytes()), row, "{line}");
        let table = as_table(&row);
        // A cell cannot say that there is a text without characters.
        let description = row.description.filter(|text| !text.as_str().is_empty());
        let row = ImportRow { description, ..row };
        assert_eq!(again(Format::Csv, table.as_bytes()), row, "{table}");
    }
}

fn read<'a>(format: Format, pieces: impl IntoIterator<Item = &'a [u8]>) -> Told {
    let mut rows = Rows::new(format);
    let mut all = Vec::new();
    let pieces = pieces.into_iter().map(Some).chain([None]);
    for piece in pieces {
        let read = match piece {
            Some(piece) => rows.read(piece),
            None => rows.end(),
        };
        match read {
            Ok(read) => all.extend(read.into_iter().map(|read| {
                let row = read.row.map_err(|faults| {
                    assert!(!faults.is_empty(), "nobody is told why");
                    let faults = faults.into_iter().map(Fault::in_a_row);
                    format!("{:?}", faults.collect::<Vec<_>>())
                });
                (read.line, read.text, row)
            })),
            Err(unreadable) => return (all, Some(unreadable.to_string())),
        }
    }
    (all, None)
}

/// Of what cannot be read to its end, the rows that come in the same piece are not told.
fn same((rows, why): &Told, (whole_rows, whole_why): &Told) {
    assert_eq!(why, whole_why);
    let is_same = match why {
        None => rows == whole_rows,
        Some(_) => rows.starts_with(whole_rows),
    };
    assert!(is_same, "{rows:?} instead of {whole_rows:?}");
}

fn are_where_they_say(text: &[u8], rows: &[Row]) {
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    // A table may end its lines with CR alone, as no editor counts them.
    let has_cr = text
        .windows(2)
        .any(|pair| matches!(pair, [b'\r', after] if *after != b'\n'));
    if has_cr {
        return;
    }
    assert!(rows.len() <= lines.len());
    assert!(
        rows.is_sorted_by(|(line, ..), (next, ..)| line < next),
        "{rows:?}"
    );
    for (line, ..) in rows {
        let line = usize::try_from(*line).unwrap();
        let found = lines
            .get(line - 1)
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        assert!(
            found.is_some_and(|line| !line.is_empty()),
            "nothing is on line {line}"
        );
    }
}

/// The only row of a text.
fn again(format: Format, text: &[u8]) -> ImportRow {
    let (rows, why) = read(format, [text]);
    assert_eq!(why, None);
    assert_eq!(rows.len(), 1);
    rows.into_iter().next().unwrap().2.unwrap()
}

fn as_table(row: &ImportRow) -> String {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: &[String]| table.write_record(cells).unwrap();
    let columns = ["sku", "nome", "descricao", "preco", "quantidade_disponivel"];
    write(&columns.map(str::to_owned));
    write(&[
        defused(row.sku.as_ref().map_or("", |sku| sku.as_str())),
        defused(row.name.as_str()),
        defused(row.description.as_ref().map_or("", |text| text.as_str())),
        row.price.to_string(),
        row.available
            .map_or_else(String::new, |level| level.units().to_string()),
    ]);
    String::from_utf8(table.into_inner().unwrap()).unwrap()
}

fn as_line(row: &ImportRow) -> String {
    let line = json!({
        "sku": row.sku.as_ref().map(Sku::as_str),
        "nome": row.name.as_str(),
        "descricao": row.description.as_ref().map(Description::as_str),
        "preco": row.price.to_string(),
        "quantidade_disponivel": row.available.map(StockLevel::units),
    });
    line.to_string()
}
