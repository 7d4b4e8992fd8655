//! The product.

use time::OffsetDateTime;

use crate::{
    stock::StockLevel,
    values::{Description, Name, Price, id::id},
};

id!(
    /// Identifies a [`Product`].
    ProductId
);

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The identity that stock and order items refer to.
    pub id: ProductId,
    /// What the product is called.
    pub name: Name,
    /// What it is, in the shop's words.
    pub description: Option<Description>,
    /// What one unit costs today. Past orders keep the price of their day.
    pub price: Price,
    /// When the product entered the catalogue, in UTC, to the microsecond.
    pub created_at: OffsetDateTime,
}

/// A product with the units that can be ordered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockedProduct {
    /// The product.
    pub product: Product,
    /// The units that can be ordered.
    pub available: StockLevel,
}
