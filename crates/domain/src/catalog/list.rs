//! Lists of products: what they contain, and in which sequence.

use crate::values::{Price, SearchTerms};

/// Which products a list contains: those that are sold, and for which all of this is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductsFilter {
    /// Every one of these words, or one like it, is in the name or the description, whatever the
    /// case and the accents.
    pub terms: Option<SearchTerms>,
    /// One unit costs as much or more.
    pub min_price: Option<Price>,
    /// One unit costs as much or less.
    pub max_price: Option<Price>,
    /// Whether any unit can be ordered.
    pub in_stock: Option<bool>,
}

/// What products are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductSort {
    /// The moment at which they were added.
    CreatedAt,
    /// Their name, whatever the case and the accents.
    Name,
    /// The price of one unit.
    Price,
}
