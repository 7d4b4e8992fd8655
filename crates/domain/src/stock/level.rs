//! How many units of a product can be ordered.

use crate::{
    catalog::ProductId,
    values::{Quantity, ValueError, id::id},
};

id!(
    /// Identifies a [`Stock`] row.
    StockId
);

/// The stock of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// The id of this row.
    pub id: StockId,
    /// The product whose units it counts.
    pub product_id: ProductId,
    /// The units that can be ordered.
    pub available: StockLevel,
}

/// A number of units that can be ordered. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StockLevel(i64);

impl StockLevel {
    /// No unit left.
    pub const EMPTY: Self = Self(0);

    /// The highest level that can be set.
    pub const MAX_COUNTED: i64 = 1_000_000_000;

    /// Accepts a counted level: 0 to 1 000 000 000.
    ///
    /// # Errors
    ///
    /// When the number is outside that range.
    pub fn parse(units: i64) -> Result<Self, ValueError> {
        Self::from_stored(units)
            .ok()
            .filter(|_| units <= Self::MAX_COUNTED)
            .ok_or(ValueError::OutOfRange {
                min: 0,
                max: Self::MAX_COUNTED,
            })
    }

    /// Accepts a stored level. It may be above [`Self::MAX_COUNTED`], because cancelled orders
    /// return their units.
    ///
    /// # Errors
    ///
    /// When the number is negative.
    pub fn from_stored(units: i64) -> Result<Self, ValueError> {
        if units < 0 {
            return Err(ValueError::OutOfRange {
                min: 0,
                max: i64::MAX,
            });
        }
        Ok(Self(units))
    }

    /// The level after `quantity` is taken; `None` when there is not enough.
    #[must_use]
    pub fn take(self, quantity: Quantity) -> Option<Self> {
        Self::from_stored(self.0 - i64::from(quantity.units())).ok()
    }

    /// The number of units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_between_zero_and_a_billion() {
        assert_eq!(StockLevel::parse(0), Ok(StockLevel::EMPTY));
        assert!(StockLevel::parse(1_000_000_000).is_ok());
        for units in [-1, 1_000_000_001, i64::MIN, i64::MAX] {
            assert!(matches!(
                StockLevel::parse(units),
                Err(ValueError::OutOfRange { .. })
            ));
        }
    }

    #[test]
    fn no_more_is_taken_than_there_is() {
        let three = StockLevel::parse(3).unwrap();
        let quantity = |units| Quantity::parse(units).unwrap();
        assert_eq!(three.take(quantity(3)), Some(StockLevel::EMPTY));
        assert_eq!(three.take(quantity(4)), None);
    }
}
