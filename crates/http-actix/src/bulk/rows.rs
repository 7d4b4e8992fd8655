//! Rows of an import, read as their bytes arrive: no more of them is held than one row.

mod table;

use domain::catalog::ImportRow;

use self::table::Table;
use super::Format;
use crate::{
    dto::{ProductRow, read_line},
    problem::Fault,
};

/// The most bytes in a row: a product with the longest description, all of it escaped, has less.
const MAX_ROW: usize = 128 * 1_024;

/// What some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
    #[error("the first line has more than {} columns", table::MAX_COLUMNS)]
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
            // A table would take it for the end.
            _ if bytes.is_empty() => Ok(Vec::new()),
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
    fn blank_lines_of_a_table_count_and_are_passed_over() {
        let text = "nome,preco\n\n\nA,1\r\n\r\n5\" nail,2";
        assert_eq!(
            read(Format::Csv, text),
            [named(4, "A"), named(6, "5\" nail")]
        );
    }

    #[test]
    fn a_piece_without_bytes_is_not_the_end() {
        for (format, pieces) in [
            (Format::Csv, ["nome,preco\nA,1", "", "0\n"]),
            (Format::Ndjson, ["{\"nome\":\"A\",\"preco\":1", "", "0}"]),
        ] {
            let mut rows = Rows::new(format);
            let read = pieces.map(|piece| rows.read(piece.as_bytes()).unwrap());
            let end = rows.end().unwrap();
            let prices = read.into_iter().flatten().chain(end);
            let prices = prices.map(|read| read.row.unwrap().price.to_string());
            assert_eq!(prices.collect::<Vec<_>>(), ["10.00"], "{format:?}");
        }
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
