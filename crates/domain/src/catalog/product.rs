//! Products, alone and with their stock.

use time::OffsetDateTime;

use crate::{
    stock::StockLevel,
    values::{Description, Name, Price, id::id},
};

id!(
    /// Identifies a [`Product`].
    ProductId
);

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The id that stock and order items refer to.
    pub id: ProductId,
    /// The product's name.
    pub name: Name,
    /// The shop's description, if it gave one.
    pub description: Option<Description>,
    /// The current price of one unit. Past orders keep the price at which they were placed.
    pub price: Price,
    /// When the product was added, in UTC, to the microsecond.
    pub created_at: OffsetDateTime,
}

/// A product with its current stock level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockedProduct {
    /// The product.
    pub product: Product,
    /// The units that can be ordered.
    pub available: StockLevel,
}
