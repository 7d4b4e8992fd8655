//! Money: decimals with two places, exact from the wire to the disk.

use std::fmt;

use rust_decimal::Decimal;

use super::{Quantity, ValueError};

/// Decimal places of every amount.
const PLACES: u32 = 2;

/// A price: 0.00 to 9 999 999 999.99, exactly (what `numeric(12,2)` holds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(Decimal);

impl Price {
    /// The highest price in whole units; the cents go up to 99.
    const MAX_UNITS: i64 = 9_999_999_999;

    /// Reads a price as people write it: digits, and at most two places after a point.
    ///
    /// # Errors
    ///
    /// When it is not such a number, has more than two places, or does not fit. It is never
    /// rounded.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        const MALFORMED: ValueError = ValueError::Malformed {
            expected: "a decimal number such as \"19.90\"",
        };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (units, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(units) || !all_digits(places) {
            return Err(MALFORMED);
        }
        if u32::try_from(places.len()).map_or(true, |count| count > PLACES) {
            return Err(ValueError::TooManyDecimals { max: PLACES });
        }
        // The text is well-formed here: only a number that is too large for the type still fails.
        Decimal::from_str_exact(text).map_or(Err(Self::OUT_OF_RANGE), Self::from_decimal)
    }

    /// Accepts a stored decimal.
    ///
    /// # Errors
    ///
    /// When it has more than two places or does not fit.
    pub fn from_decimal(mut amount: Decimal) -> Result<Self, ValueError> {
        if amount.scale() > PLACES {
            return Err(ValueError::TooManyDecimals { max: PLACES });
        }
        if amount.is_sign_negative() && !amount.is_zero()
            || amount >= Decimal::from(Self::MAX_UNITS + 1)
        {
            return Err(Self::OUT_OF_RANGE);
        }
        amount.set_sign_positive(true);
        amount.rescale(PLACES);
        Ok(Self(amount))
    }

    const OUT_OF_RANGE: ValueError = ValueError::OutOfRange {
        min: 0,
        max: Self::MAX_UNITS,
    };

    /// The price as a decimal with two places.
    #[must_use]
    pub const fn as_decimal(self) -> Decimal {
        self.0
    }

    /// What `quantity` units cost.
    #[must_use]
    pub fn times(self, quantity: Quantity) -> Money {
        Money::of(self.0.saturating_mul(Decimal::from(quantity.units())))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An amount calculated from prices: a subtotal, a total. Always with two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(Decimal);

impl Money {
    /// Restores the two places, which a calculation with zero loses.
    fn of(mut amount: Decimal) -> Self {
        amount.rescale(PLACES);
        Self(amount)
    }

    /// The amount as a decimal with two places.
    #[must_use]
    pub const fn as_decimal(self) -> Decimal {
        self.0
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self::of(amounts.fold(Decimal::ZERO, |total, amount| {
            total.saturating_add(amount.0)
        }))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_exactly_and_printed_with_two_places() {
        for (text, printed) in [
            ("19.90", "19.90"),
            ("19.9", "19.90"),
            ("0", "0.00"),
            ("-0", "0.00"),
            ("9999999999.99", "9999999999.99"),
        ] {
            assert_eq!(Price::parse(text).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn a_price_is_never_rounded() {
        for text in ["0.001", "19.900", "1.10000000000000000000000000000000001"] {
            assert_eq!(
                Price::parse(text),
                Err(ValueError::TooManyDecimals { max: 2 }),
                "{text}"
            );
        }
    }

    #[test]
    fn a_price_that_does_not_fit_is_refused() {
        for text in ["-0.01", "10000000000", "1".repeat(60).as_str()] {
            assert!(
                matches!(Price::parse(text), Err(ValueError::OutOfRange { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for text in [
            "", ".", "1.", ".5", "1e3", "1_000", "+1", "19,90", " 1", "NaN", "--1",
        ] {
            assert!(
                matches!(Price::parse(text), Err(ValueError::Malformed { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_free_costs_nothing_with_two_places() {
        let free = Price::parse("0")
            .unwrap()
            .times(Quantity::parse(3).unwrap());
        assert_eq!(free.to_string(), "0.00");
        assert_eq!([free, free].into_iter().sum::<Money>().to_string(), "0.00");
        assert_eq!([].into_iter().sum::<Money>().to_string(), "0.00");
    }

    #[test]
    fn the_dearest_order_still_has_an_exact_total() {
        let dearest = Price::parse("9999999999.99").unwrap();
        let most = Quantity::parse(10_000).unwrap();
        let total: Money = std::iter::repeat_n(dearest.times(most), 100).sum();
        assert_eq!(total.to_string(), "9999999999990000.00");
    }
}
