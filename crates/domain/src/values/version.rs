//! Versions: which of two copies of one entity is newer.

use time::OffsetDateTime;

use super::ValueError;

/// How many times an entity was written: 1 when it is created, one more with every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The version of a newly created entity.
    pub const FIRST: Self = Self(1);

    /// Accepts a stored version.
    ///
    /// # Errors
    ///
    /// When it is less than 1.
    pub fn parse(number: i64) -> Result<Self, ValueError> {
        if number < 1 {
            return Err(ValueError::OutOfRange {
                min: 1,
                max: i64::MAX,
            });
        }
        Ok(Self(number))
    }

    /// The version of data that is recalculated from time to time: the moment of its calculation,
    /// in microseconds since 1970.
    #[must_use]
    pub fn at(moment: OffsetDateTime) -> Self {
        let microseconds = moment.unix_timestamp_nanos() / 1_000;
        Self(i64::try_from(microseconds).unwrap_or(i64::MAX).max(1))
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The version as a number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}
