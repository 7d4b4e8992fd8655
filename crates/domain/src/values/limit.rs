//! The limit on the length of a list.

use super::ValueError;

/// The most entries of a list: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// The longest list.
    pub const MAX: Self = Self(100);

    /// Ten entries: a list that fits on a screen.
    pub const TEN: Self = Self(10);

    /// Twenty entries: a page of a list.
    pub const TWENTY: Self = Self(20);

    /// Accepts 1 to 100 entries.
    ///
    /// # Errors
    ///
    /// When the number is outside that range.
    pub fn parse(limit: i64) -> Result<Self, ValueError> {
        one_to(Self::MAX.0, limit).map(Self)
    }

    /// The limit as a number.
    #[must_use]
    pub const fn entries(self) -> u16 {
        self.0
    }
}

/// A whole number from 1 to `max`.
pub(crate) fn one_to(max: u16, number: i64) -> Result<u16, ValueError> {
    u16::try_from(number)
        .ok()
        .filter(|number| (1..=max).contains(number))
        .ok_or(ValueError::OutOfRange {
            min: 1,
            max: max.into(),
        })
}
