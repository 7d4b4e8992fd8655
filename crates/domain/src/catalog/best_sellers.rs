//! Best sellers: the query and the list.

use time::OffsetDateTime;

use super::ProductId;
use crate::{
    cache::Versioned,
    values::{Limit, Name, Price, ValueError, Version, limit::one_to},
};

/// One row of a [`BestSellersList`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestSeller {
    /// The product.
    pub product_id: ProductId,
    /// The product's current name.
    pub name: Name,
    /// The current price of one unit.
    pub price: Price,
    /// The units ordered in the period, without cancelled orders.
    pub sold: u64,
}

/// The length and the period of a list of best sellers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestSellersQuery {
    /// The most products in the list.
    pub limit: Limit,
    /// How many days it covers, up to now.
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

/// A number of days up to now: 1 to 365.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(u16);

impl Period {
    /// The longest period, in days.
    pub const MAX_DAYS: u16 = 365;

    /// Accepts 1 to [`Self::MAX_DAYS`] days.
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

/// The longest list of best sellers of a period, and when it was calculated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestSellersList {
    /// The length of the period, in days.
    pub days: u16,
    /// When the list was calculated, in UTC.
    pub as_of: OffsetDateTime,
    /// The products, most sold first.
    pub items: Vec<BestSeller>,
}

/// The list that was calculated later is newer.
impl Versioned for BestSellersList {
    type Key = u16;

    fn key(&self) -> u16 {
        self.days
    }

    fn version(&self) -> Version {
        Version::at(self.as_of)
    }
}
