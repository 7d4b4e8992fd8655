//! The number of units of an order line.

use std::num::NonZeroU32;

use super::ValueError;

/// How many units of a product one line orders: at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(NonZeroU32);

impl Quantity {
    /// The most units that one line may ask for.
    pub const MAX_ASKED: u32 = 10_000;

    /// Accepts a requested quantity: 1 to 10 000.
    ///
    /// # Errors
    ///
    /// When the number is outside that range.
    pub fn parse(units: i64) -> Result<Self, ValueError> {
        Self::from_stored(units)
            .ok()
            .filter(|quantity| quantity.units() <= Self::MAX_ASKED)
            .ok_or(ValueError::OutOfRange {
                min: 1,
                max: Self::MAX_ASKED.into(),
            })
    }

    /// Accepts a stored quantity. It may be above [`Self::MAX_ASKED`], because lines of one product
    /// are added up.
    ///
    /// # Errors
    ///
    /// When the number is less than 1 or does not fit.
    pub fn from_stored(units: i64) -> Result<Self, ValueError> {
        u32::try_from(units)
            .ok()
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or(ValueError::OutOfRange {
                min: 1,
                max: u32::MAX.into(),
            })
    }

    /// The number of units.
    #[must_use]
    pub const fn units(self) -> u32 {
        self.0.get()
    }

    /// The saturating sum of two quantities.
    #[must_use]
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.units()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_asks_for_one_to_ten_thousand_units() {
        assert!(Quantity::parse(1).is_ok());
        assert!(Quantity::parse(10_000).is_ok());
        for units in [0, -1, 10_001, i64::MAX] {
            assert!(Quantity::parse(units).is_err());
        }
    }
}
