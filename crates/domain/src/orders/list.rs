//! Lists of orders: what they contain, and in which sequence.

use time::OffsetDateTime;

use super::OrderStatus;
use crate::{catalog::ProductId, customers::CustomerId};

/// Which orders a list contains: those for which all of this is true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrdersFilter {
    /// They are for this customer.
    pub customer_id: Option<CustomerId>,
    /// They have this status.
    pub status: Option<OrderStatus>,
    /// They have an item of this product.
    pub product_id: Option<ProductId>,
    /// They were placed later than this.
    pub placed_after: Option<OffsetDateTime>,
    /// They were placed earlier than this.
    pub placed_before: Option<OffsetDateTime>,
}

/// What orders are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderSort {
    /// The moment at which they were placed.
    PlacedAt,
}
