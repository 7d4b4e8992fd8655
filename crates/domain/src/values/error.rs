//! Why a value from outside was refused.

use std::fmt;

use thiserror::Error;

/// Why a value was refused. The text completes a sentence that begins with the field's name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Nothing, or nothing but white space.
    #[error("must not be blank")]
    Blank,
    /// Shorter than the minimum.
    #[error("must be at least {min} {unit} long")]
    TooShort {
        /// The least that is accepted.
        min: usize,
        /// What is counted.
        unit: Unit,
    },
    /// Longer than the maximum.
    #[error("must be at most {max} {unit} long")]
    TooLong {
        /// The most that is accepted.
        max: usize,
        /// What is counted.
        unit: Unit,
    },
    /// A character that no name or text holds, U+0000 among them.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// A number outside its range.
    #[error("must be between {min} and {max}")]
    OutOfRange {
        /// The least that is accepted.
        min: i64,
        /// The most that is accepted.
        max: i64,
    },
    /// More decimal places than the value can hold: it is refused, never rounded.
    #[error("must have at most {max} decimal places")]
    TooManyDecimals {
        /// The most that is accepted.
        max: u32,
    },
    /// Something else than what is expected.
    #[error("must be {expected}")]
    Malformed {
        /// What would have been accepted.
        expected: &'static str,
    },
}

/// What a length counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
    /// Entries of a list.
    Entries,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Characters => "characters",
            Self::Bytes => "bytes of UTF-8",
            Self::Entries => "entries",
        })
    }
}
