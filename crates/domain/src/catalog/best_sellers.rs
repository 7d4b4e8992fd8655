//! What sells best.

use time::OffsetDateTime;

use super::ProductId;
use crate::{
    cache::Versioned,
    values::{Limit, Name, Price, ValueError, Version, limit::one_to},
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
    /// The most products in the list.
    pub limit: Limit,
    /// How far it looks back.
    pub period: Period,
}

/// The ten best sellers of the last thirty days.
impl Default for BestSellersQuery {
    fn default() -> Self {
        Self {
            limit: Limit::TEN,
            period: Period(30),
        }
    }
}

/// A number of days until now: 1 to 365.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(u16);

impl Period {
    /// The longest period, in days.
    pub const MAX_DAYS: u16 = 365;

    /// Reads a number of days.
    ///
    /// # Errors
    ///
    /// When the number is outside that range.
    pub fn parse(days: i64) -> Result<Self, ValueError> {
        one_to(Self::MAX_DAYS, days).map(Self)
    }

    /// The number of days.
    #[must_use]
    pub const fn days(self) -> u16 {
        self.0
    }
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
