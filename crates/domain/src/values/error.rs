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
        /// The minimum that is accepted.
        min: usize,
        /// What the length counts.
        unit: Unit,
    },
    /// Longer than the maximum.
    #[error("must be at most {max} {unit} long")]
    TooLong {
        /// The maximum that is accepted.
        max: usize,
        /// What the length counts.
        unit: Unit,
    },
    /// A control character that the value may not contain, for example U+0000.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// A number outside its range.
    #[error("must be between {min} and {max}")]
    OutOfRange {
        /// The minimum that is accepted.
        min: i64,
        /// The maximum that is accepted.
        max: i64,
    },
    /// More decimal places than the value can hold: it is refused, never rounded.
    #[error("must have at most {max} decimal places")]
    TooManyDecimals {
        /// The maximum that is accepted.
        max: u32,
    },
    /// The text does not have the expected form.
    #[error("must be {expected}")]
    Malformed {
        /// The form that is accepted, as the end of a sentence.
        expected: &'static str,
    },
}

/// The unit of a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
    /// Entries of a list.
    Entries,
    /// Words, between white space.
    Words,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Characters => "characters",
            Self::Bytes => "bytes of UTF-8",
            Self::Entries => "entries",
            Self::Words => "words",
        })
    }
}
