//! Tables: CSV, as programs write it.

use domain::catalog::ImportRow;

use super::{super::armed, BYTE_ORDER_MARK, MAX_ROW, Read, Unreadable};
use crate::{
    dto::{Described as _, ProductRow, Property, read_record},
    problem::Fault,
};

/// The most columns of a table.
pub(super) const MAX_COLUMNS: usize = 64;

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
    /// The line on which it begins, once it has begun.
    line: u64,
    has_begun: bool,
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
            has_begun: false,
        }
    }
}

impl Record {
    /// Begins at the first of these bytes that is no line break, if there is one: lines before it are
    /// blank, and count.
    fn begin(&mut self, bytes: &[u8]) {
        if self.has_begun {
            return;
        }
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let blank = bytes.iter().take_while(|byte| is_break(byte)).count();
        let (blank, rest) = bytes.split_at(blank);
        let line = self.breaks + memchr::memchr_iter(b'\n', blank).count() + 1;
        self.line = line.try_into().unwrap_or(u64::MAX);
        self.has_begun = !rest.is_empty();
    }

    /// Fails when a quote in it has opened, and lines later is not closed.
    fn must_be_whole(&self) -> Result<(), Unreadable> {
        let has_breaks = u64::try_from(self.breaks).is_ok_and(|breaks| breaks >= self.line);
        if self.quotes % 2 == 1 && has_breaks {
            return Err(Unreadable::OpenQuote { line: self.line });
        }
        Ok(())
    }
}

impl Table {
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Read>, Unreadable> {
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
    pub(super) fn end(&mut self) -> Result<Vec<Read>, Unreadable> {
        let mut read = if self.parser.is_none() {
            self.parse(b"")?
        } else {
            Vec::new()
        };
        self.record.must_be_whole()?;
        // No bytes are the end.
        read.extend(self.parse(b"")?);
        match self.columns {
            Some(_) => Ok(read),
            None => Err(misnamed(&[])),
        }
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
            record.begin(bytes);
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
                    record.must_be_whole()?;
                    return Err(Unreadable::TooLong { line: record.line });
                }
                Outcome::OutputEndsFull => return Err(Unreadable::TooManyColumns),
                Outcome::Record => read.extend(self.take()?),
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
        record.has_begun = false;
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
    let is_known = |name: &String| known.iter().any(|column| column.name == name);
    let is_named = |column: &Property| names.iter().any(|name| name == column.name);
    let mut required = known.iter().filter(|column| column.is_required);
    if names.iter().all(is_known) && required.all(is_named) {
        Ok(names)
    } else {
        Err(misnamed(&names))
    }
}

/// What is told of a first line that names these columns.
fn misnamed(names: &[String]) -> Unreadable {
    let columns = ProductRow::properties();
    let known: Vec<_> = columns.iter().map(|column| column.name).collect();
    let required = columns.iter().filter(|column| column.is_required);
    let required: Vec<_> = required.map(|column| column.name).collect();
    Unreadable::Columns {
        known: known.join(", "),
        required: required.join(" and "),
        named: names.join(", "),
    }
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
