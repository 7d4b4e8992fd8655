//! Products, orders and customers in bulk, as tables (CSV, RFC 4180) and as lines of JSON (NDJSON):
//! what the API and the command line have in common.

mod export;
mod import;
mod rows;

pub(crate) use self::{
    export::{Exported, lines},
    import::{ImportEvent, ImportFailed, Progress, import},
    rows::Rows,
};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table whose first line names the columns
    Csv,
    /// One JSON object a line
    Ndjson,
}

impl Format {
    /// Both of them.
    pub(crate) const ALL: [Self; 2] = [Self::Ndjson, Self::Csv];

    /// The media type. That of NDJSON is not registered, and this is what it is called.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// The end of a file's name.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

/// What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Whether a spreadsheet takes this for a formula, but for apostrophes before it.
fn is_armed(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

/// Text that no spreadsheet runs: an apostrophe before it makes it text.
pub(crate) fn defused(text: &str) -> String {
    let apostrophe = if is_armed(text) { "'" } else { "" };
    format!("{apostrophe}{text}")
}

/// The text that was defused.
fn armed(text: &str) -> &str {
    let rest = text.strip_prefix('\'').filter(|rest| is_armed(rest));
    rest.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_text_and_comes_back_as_it_was() {
        for text in ["=1+1", "+1", "-1", "@sum", "\tx", "'=1+1", "''-1"] {
            assert_eq!(defused(text), format!("'{text}"));
            assert_eq!(armed(&defused(text)), text);
        }
        for text in ["Café", "'quoted'", "", "1-1"] {
            assert_eq!(defused(text), text);
            assert_eq!(armed(text), text);
        }
    }
}
