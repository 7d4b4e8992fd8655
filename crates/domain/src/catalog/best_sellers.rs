//! What sells best.

use time::OffsetDateTime;

use super::ProductId;
use crate::{
    cache::Versioned,
    values::{Name, Price, ValueError, Version},
};

/// One row of the best-sellers' list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestSeller {
    /// The product.
    pub product_id: ProductId,
    /// Its name.
    pub name: Name,
    /// Its price today.
    pub price: Price,
    /// The units ordered in the period, cancelled orders not counted.
    pub sold: u64,
}

/// What a list of best sellers covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestSellersQuery {
    limit: u16,
    days: u16,
}

impl BestSellersQuery {
    /// The longest list.
    pub const MAX_LIMIT: u16 = 100;
    /// The longest period, in days.
    pub const MAX_DAYS: u16 = 365;

    /// How many products a list may have: 1 to 100.
    ///
    /// # Errors
    ///
    /// When the number is outside that range.
    pub fn parse_limit(limit: i64) -> Result<u16, ValueError> {
        one_to(Self::MAX_LIMIT, limit)
    }

    /// How many days back from now a list may look: 1 to 365.
    ///
    /// # Errors
    ///
    /// When the number is outside that range.
    pub fn parse_days(days: i64) -> Result<u16, ValueError> {
        one_to(Self::MAX_DAYS, days)
    }

    /// The `limit` products that sold most in the last `days` days.
    ///
    /// # Errors
    ///
    /// When either number is outside its range.
    pub fn new(limit: u16, days: u16) -> Result<Self, ValueError> {
        Ok(Self {
            limit: Self::parse_limit(limit.into())?,
            days: Self::parse_days(days.into())?,
        })
    }

    /// The most products in the list.
    #[must_use]
    pub const fn limit(self) -> u16 {
        self.limit
    }

    /// The days that the list looks back.
    #[must_use]
    pub const fn days(self) -> u16 {
        self.days
    }
}

fn one_to(max: u16, number: i64) -> Result<u16, ValueError> {
    u16::try_from(number)
        .ok()
        .filter(|number| (1..=max).contains(number))
        .ok_or(ValueError::OutOfRange {
            min: 1,
            max: max.into(),
        })
}

/// A list of best sellers, as long as one can be, with the moment for which it is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestSellersList {
    /// The days that the list looks back.
    pub days: u16,
    /// When the list was reckoned.
    pub as_of: OffsetDateTime,
    /// The products, most sold first.
    pub items: Vec<BestSeller>,
}

/// Of two lists the later is newer.
impl Versioned for BestSellersList {
    type Key = u16;

    fn key(&self) -> u16 {
        self.days
    }

    fn version(&self) -> Version {
        Version::at(self.as_of)
    }
}
