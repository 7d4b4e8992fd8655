//! How old what is read may be, where storage has copies that follow it (standbys).

use std::{fmt, str::FromStr};

use super::ValueError;
use crate::identity::{Caller, Principal};

/// How old what is read may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Every acknowledged write is in it.
    Latest,
    /// It may be a moment old, but everything up to a position is in it, if one is named.
    Recent(Option<LogPosition>),
}

/// How far storage had written its log at a moment: whoever knows the position of a write can ask for
/// what has it. Written as two hexadecimal numbers, `16/B374D848` (PostgreSQL manual, section 8.20, `pg_lsn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition(u64);

impl Freshness {
    /// What this caller gets of it: customers, and whoever is not known, the latest.
    pub(crate) fn of(self, caller: Option<&Caller>) -> Self {
        match caller.map(|caller| caller.principal) {
            Some(Principal::Staff | Principal::Admin) => self,
            Some(Principal::Customer(_)) | None => Self::Latest,
        }
    }
}

impl FromStr for LogPosition {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let half = |digits: &str| {
            let is_number = (1..=8).contains(&digits.len())
                && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_number.then(|| u32::from_str_radix(digits, 16).ok())?
        };
        let position = || {
            let (high, low) = text.split_once('/')?;
            Some(Self((u64::from(half(high)?) << 32) | u64::from(half(low)?)))
        };
        position().ok_or(ValueError::Malformed {
            expected: "a position that an answer had, such as 16/B374D848",
        })
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & u64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written_and_are_in_sequence() {
        let position = |text: &str| text.parse::<LogPosition>();
        for text in ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
            assert_eq!(position(text).unwrap().to_string(), text);
        }
        assert_eq!(position("16/b374d848"), position("16/B374D848"));
        assert!(position("16/B374D848").unwrap() < position("17/0").unwrap());
        for text in [
            "",
            "/",
            "16",
            "16/",
            "/16",
            "+1/0",
            "1/000000000",
            "1/2/3",
            "g/0",
            " 1/0",
        ] {
            assert!(position(text).is_err(), "{text:?}");
        }
    }
}
