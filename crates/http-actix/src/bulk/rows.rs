//! Rows of an import, read as their bytes arrive: no more of them is held than one row.

use domain::catalog::ImportRow;

use super::{Format, armed};
use crate::{
    dto::{Described as _, ProductRow, read_line, read_record},
    problem::Fault,
};

/// The most bytes in a row: a product with the longest description, all of it escaped, has less.
const MAX_ROW: usize = 128 * 1_024;

/// The most columns of a table.
const MAX_COLUMNS: usize = 64;

/// Reads rows.
pub(crate) enum Rows {
    Ndjson(Lines),
    Csv(Box<Table>),
}

/// A row as it was read.
pub(crate) struct Read {
    /// The line on which it begins, counted from 1.
    pub(crate) line: u64,
    /// What it consists of.
    pub(crate) text: Vec<u8>,
    pub(crate) row: Result<ImportRow, Vec<Fault>>,
}

/// Why no further row can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the row on line {line} has more than {MAX_ROW} bytes")]
    TooLong { line: u64 },
    #[error("the quote that opens in the row on line {line} is never closed")]
    OpenQuote { line: u64 },
    #[error("the first line has more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    #[error("the first line must name the columns in UTF-8")]
    NotUtf8,
    #[error(
        "the first line must name the columns, with commas or semicolons between them; \
         there are {known}, and {required} must be there. It names: {named}"
    )]
    Columns {
        known: String,
        required: String,
        named: String,
    },
}

impl Rows {
    pub(crate) fn new(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv(Box::default()),
            Format::Ndjson => Self::Ndjson(Lines::default()),
        }
    }

    /// Reads the rows that these bytes complete.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Read>, Unreadable> {
        match self {
            Self::Ndjson(lines) => lines.read(bytes),
            Self::Csv(table) => table.read(bytes),
        }
    }

    /// Reads the row that the end completes.
    pub(crate) fn end(&mut self) -> Result<Vec<Read>, Unreadable> {
        match self {
            Self::Ndjson(lines) => lines.read(b"\n"),
            Self::Csv(table) => table.end(),
        }
    }
}

/// One JSON object a line; blank lines are passed over.
#[derive(Default)]
pub(crate) struct Lines {
    /// The beginning of the line that is not complete.
    begun: Vec<u8>,
    complete: u64,
}

impl Lines {
    fn read(&mut self, mut bytes: &[u8]) -> Result<Vec<Read>, Unreadable> {
        let mut read = Vec::new();
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            self.begin(line)?;
            self.complete += 1;
            let text = std::mem::take(&mut self.begun);
            if !text.trim_ascii().is_empty() {
                let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
                read.push(Read {
                    line: self.complete,
                    row: read_line::<ProductRow>(json).map(ImportRow::from),
                    text,
                });
            }
        }
        self.begin(bytes)?;
        Ok(read)
    }

    fn begin(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        if self.begun.len() + bytes.len() > MAX_ROW {
            let line = self.complete + 1;
            return Err(Unreadable::TooLong { line });
        }
        self.begun.extend_from_slice(bytes);
        Ok(())
    }
}

/// A table (RFC 4180) whose first line names the columns. Spreadsheets in many countries write
/// semicolons: they are taken too, when the first line has no comma.
#[derive(Default)]
pub(crate) struct Table {
    parser: Option<csv_core::Reader>,
    /// The first line, until it is complete.
    first: Vec<u8>,
    columns: Option<Vec<String>>,
    record: Record,
}

/// A record that may not be complete.
struct Record {
    bytes: Vec<u8>,
    length: usize,
    ends: [usize; MAX_COLUMNS],
    fields: usize,
    /// The line breaks before and in it.
    breaks: usize,
    /// The quotes in it.
    quotes: usize,
    /// The line on which it begins.
    line: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            bytes: vec![0; 4 * 1_024],
            length: 0,
            ends: [0; MAX_COLUMNS],
            fields: 0,
            breaks: 0,
            quotes: 0,
            line: 1,
        }
    }
}

impl Record {
    /// Fails when a quote in it has opened, and lines later is not closed.
    fn is_whole(&self) -> Result<(), Unreadable> {
        let has_breaks = u64::try_from(self.breaks).is_ok_and(|breaks| breaks >= self.line);
        if self.quotes % 2 == 1 && has_breaks {
            return Err(Unreadable::OpenQuote { line: self.line });
        }
        Ok(())
    }
}

/// What some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Table {
    fn read(&mut self, bytes: &[u8]) -> Result<Vec<Read>, Unreadable> {
        if self.parser.is_some() {
            return self.parse(bytes);
        }
        self.first.extend_from_slice(bytes);
        if memchr::memchr(b'\n', &self.first).is_none() {
            if self.first.len() > MAX_ROW {
                return Err(Unreadable::TooLong { line: 1 });
            }
            return Ok(Vec::new());
        }
        self.parse(b"")
    }

    /// Reads the record that the end completes.
    fn end(&mut self) -> Result<Vec<Read>, Unreadable> {
        let mut read = if self.parser.is_none() {
            self.parse(b"")?
        } else {
            Vec::new()
        };
        self.record.is_whole()?;
        // No bytes are the end.
        read.extend(self.parse(b"")?);
        if self.columns.is_none() {
            columns(Vec::new())?;
        }
        Ok(read)
    }

    /// Reads the records that these bytes complete, and those of the beginning that was kept.
    fn parse(&mut self, bytes: &[u8]) -> Result<Vec<Read>, Unreadable> {
        let mut read = Vec::new();
        if self.parser.is_none() {
            let first = std::mem::take(&mut self.first);
            let first = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&first);
            let head = memchr::memchr(b'\n', first).unwrap_or(first.len());
            let head = first.get(..head).unwrap_or_default();
            let has = |delimiter| memchr::memchr(delimiter, head).is_some();
            let delimiter = if has(b';') && !has(b',') { b';' } else { b',' };
            let mut builder = csv_core::ReaderBuilder::new();
            self.parser = Some(builder.delimiter(delimiter).build());
            if !first.is_empty() {
                self.records(first, &mut read)?;
                if bytes.is_empty() {
                    return Ok(read);
                }
            }
        }
        self.records(bytes, &mut read)?;
        Ok(read)
    }

    fn records(&mut self, mut bytes: &[u8], read: &mut Vec<Read>) -> Result<(), Unreadable> {
        use csv_core::ReadRecordResult as Outcome;
        let Some(mut parser) = self.parser.take() else {
            return Ok(());
        };
        loop {
            let record = &mut self.record;
            let (outcome, taken, written, ended) = parser.read_record(
                bytes,
                record.bytes.get_mut(record.length..).unwrap_or_default(),
                record.ends.get_mut(record.fields..).unwrap_or_default(),
            );
            let (consumed, rest) = bytes.split_at(taken);
            bytes = rest;
            record.breaks += memchr::memchr_iter(b'\n', consumed).count();
            record.quotes += memchr::memchr_iter(b'"', consumed).count();
            record.length += written;
            record.fields += ended;
            match outcome {
                Outcome::InputEmpty | Outcome::End => break,
                Outcome::OutputFull if record.length < MAX_ROW => {
                    record.bytes.resize(record.bytes.len() * 2, 0);
                }
                Outcome::OutputFull => {
                    record.is_whole()?;
                    return Err(Unreadable::TooLong { line: record.line });
                }
                Outcome::OutputEndsFull => return Err(Unreadable::TooManyColumns),
                Outcome::Record => {
                    read.extend(self.take()?);
                    // Of CR LF only CR has been consumed.
                    let is_half = usize::from(consumed.last() == Some(&b'\r'));
                    let line = self.record.breaks + is_half + 1;
                    self.record.line = line.try_into().unwrap_or(u64::MAX);
                }
            }
        }
        self.parser = Some(parser);
        Ok(())
    }

    /// Takes the record that is complete: the names of the columns, or a row.
    fn take(&mut self) -> Result<Option<Read>, Unreadable> {
        let record = &mut self.record;
        let mut start = 0;
        let mut cells = Vec::with_capacity(record.fields);
        for &end in record.ends.get(..record.fields).unwrap_or_default() {
            cells.push(record.bytes.get(start..end).unwrap_or_default().to_vec());
            start = end;
        }
        (record.length, record.fields, record.quotes) = (0, 0, 0);
        let Some(columns) = &self.columns else {
            self.columns = Some(columns(cells)?);
            return Ok(None);
        };
        Ok(Some(Read {
            line: record.line,
            row: row(columns, &cells),
            text: cells.join(&0x1f),
        }))
    }
}

/// The names of the columns, of which each is known and none that must be there is missing.
fn columns(cells: Vec<Vec<u8>>) -> Result<Vec<String>, Unreadable> {
    let names = cells.into_iter().map(String::from_utf8);
    let names: Result<Vec<_>, _> = names.collect();
    let names = names.map_err(|_| Unreadable::NotUtf8)?;
    let names: Vec<_> = names.iter().map(|name| name.trim().to_owned()).collect();
    let known = ProductRow::properties();
    let is_named = |name: &str| names.iter().any(|named| named == name);
    let is_known = |name: &String| known.iter().any(|column| column.name == name);
    let required = known.iter().filter(|column| column.is_required);
    let required: Vec<_> = required.map(|column| column.name).collect();
    if names.iter().all(is_known) && required.iter().all(|name| is_named(name)) {
        return Ok(names);
    }
    let known: Vec<_> = known.iter().map(|column| column.name).collect();
    Err(Unreadable::Columns {
        known: known.join(", "),
        required: required.join(" and "),
        named: names.join(", "),
    })
}

/// A row from its cells; one that is empty is missing.
fn row(columns: &[String], cells: &[Vec<u8>]) -> Result<ImportRow, Vec<Fault>> {
    if cells.len() > columns.len() {
        let detail = format!("has {} cells for {} columns", cells.len(), columns.len());
        return Err(vec![Fault::at("", "too_long", detail)]);
    }
    let mut named = Vec::with_capacity(cells.len());
    for (name, cell) in columns.iter().zip(cells) {
        let Ok(text) = std::str::from_utf8(cell) else {
            return Err(vec![Fault::at(name, "malformed", "must be UTF-8")]);
        };
        if !text.is_empty() {
            named.push((name.clone(), armed(text).to_owned()));
        }
    }
    read_record::<ProductRow>(named.into_iter()).map(ImportRow::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines and the names of the rows, or the fields that are wrong; the bytes come in pieces
    /// of every length.
    fn read(format: Format, text: &str) -> Vec<(u64, Result<String, Vec<String>>)> {
        let in_pieces = |size: usize| -> Vec<_> {
            let mut rows = Rows::new(format);
            let mut read = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                read.extend(rows.read(piece).unwrap());
            }
            read.extend(rows.end().unwrap());
            let told = |read: Read| {
                let row = read.row.map(|row| row.name.as_str().to_owned());
                let fields = |faults: Vec<Fault>| {
                    let fields = faults.into_iter().map(|fault| fault.in_a_row().field);
                    fields.collect()
                };
                (read.line, row.map_err(fields))
            };
            read.into_iter().map(told).collect()
        };
        let whole = in_pieces(text.len().max(1));
        for size in 1..text.len() {
            assert_eq!(in_pieces(size), whole, "in pieces of {size}");
        }
        whole
    }

    fn named(line: u64, name: &str) -> (u64, Result<String, Vec<String>>) {
        (line, Ok(name.to_owned()))
    }

    fn wrong(line: u64, fields: &[&str]) -> (u64, Result<String, Vec<String>>) {
        (
            line,
            Err(fields.iter().map(|&field| field.into()).collect()),
        )
    }

    #[test]
    fn lines_of_json_are_read_with_and_without_a_last_line_break() {
        let text = "{\"nome\":\"A\",\"preco\":\"1.00\"}\n\n{\"nome\":\"B\",\"preco\":2}";
        assert_eq!(read(Format::Ndjson, text), [named(1, "A"), named(3, "B")]);
        assert_eq!(read(Format::Ndjson, ""), []);
        let text = "{\"nome\":\"\",\"preco\":\"1.001\"}\r\nnonsense\n";
        let expected = [wrong(1, &["nome", "preco"]), wrong(2, &[""])];
        assert_eq!(read(Format::Ndjson, text), expected);
    }

    #[test]
    fn a_table_is_read_by_the_names_of_its_columns() {
        let text = "preco,nome,descricao\r\n1.00,A,\r\n2.00,\"B, \"\"the\nsecond\"\"\",x\r\n3.00,C";
        let expected = [named(2, "A"), wrong(3, &["nome"]), named(5, "C")];
        assert_eq!(read(Format::Csv, text), expected);
        assert_eq!(read(Format::Csv, "nome,preco\n"), []);
    }

    #[test]
    fn semicolons_and_a_mark_before_the_text_are_what_spreadsheets_write() {
        let text = "\u{feff}nome;preco\nA;1.00\n";
        assert_eq!(read(Format::Csv, text), [named(2, "A")]);
    }

    #[test]
    fn missing_cells_and_cells_too_many_are_told() {
        let text = "nome,preco\nA\nB,1.00,2\n";
        let expected = [wrong(2, &["preco"]), wrong(3, &[""])];
        assert_eq!(read(Format::Csv, text), expected);
    }

    /// Why nothing more is read.
    fn unreadable(text: &str) -> String {
        let mut rows = Rows::new(Format::Csv);
        let read = rows.read(text.as_bytes()).and_then(|_| rows.end());
        read.map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_first_line_that_is_no_names_of_columns_is_told_once() {
        for (text, named) in [
            ("name,price\nA,1\n", "name, price"),
            ("nome\tpreco\nA\t1\n", "nome\tpreco"),
            ("id,nome,preco\n1,A,1\n", "id, nome, preco"),
            ("nome\n", "nome"),
            ("", ""),
        ] {
            let told = unreadable(text);
            assert!(told.ends_with(&format!("It names: {named}")), "{told}");
            assert!(told.contains("nome and preco must be there"), "{told}");
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_and_one_within_a_cell_is_none() {
        let told = unreadable("nome,preco\nA,1\n\"B,1\nC,1\n");
        assert_eq!(
            told,
            "the quote that opens in the row on line 3 is never closed"
        );
        let text = "nome,preco\n5\" nail,1\n\"two\nlines\",2\n";
        let expected = [named(2, "5\" nail"), wrong(3, &["nome"])];
        assert_eq!(read(Format::Csv, text), expected);
    }

    #[test]
    fn a_row_without_an_end_is_not_gathered_for_ever() {
        for format in Format::ALL {
            let mut rows = Rows::new(format);
            rows.read(b"nome,preco\n").ok();
            let piece = vec![b'"'; 16 * 1_024];
            let piece: Vec<_> = [vec![b'"'], vec![b'x'; piece.len()]].concat();
            let ended = (0..64).find_map(|_| rows.read(&piece).err());
            assert!(
                matches!(ended, Some(Unreadable::TooLong { .. })),
                "{format:?}"
            );
        }
    }
}
