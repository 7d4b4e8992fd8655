//! Orders: their lines before they are placed, their items and prices after that.

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::OrderStatus;
use crate::{
    cache::Versioned,
    catalog::ProductId,
    customers::CustomerId,
    idempotency::Fingerprint,
    values::{Money, Price, Quantity, Unit, ValueError, Version, id::id},
};

id!(
    /// Identifies an [`Order`].
    OrderId
);

id!(
    /// Identifies an [`OrderItem`].
    OrderItemId
);

/// One line of an order to be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLine {
    /// The product to order.
    pub product_id: ProductId,
    /// The number of units.
    pub quantity: Quantity,
}

/// An order to be placed. It is always well-formed: at least one line, and one line per product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    customer_id: CustomerId,
    lines: Vec<OrderLine>,
}

impl NewOrder {
    /// The most lines in one order.
    pub const MAX_LINES: usize = 100;

    /// Makes an order of the requested lines. Lines of one product become one line with the sum, at
    /// the place of the first.
    ///
    /// # Errors
    ///
    /// When there is no line, or there are more than 100.
    pub fn new(customer_id: CustomerId, asked: &[OrderLine]) -> Result<Self, ValueError> {
        let unit = Unit::Entries;
        if asked.is_empty() {
            return Err(ValueError::TooShort { min: 1, unit });
        }
        if asked.len() > Self::MAX_LINES {
            let max = Self::MAX_LINES;
            return Err(ValueError::TooLong { max, unit });
        }
        let mut lines: Vec<OrderLine> = Vec::with_capacity(asked.len());
        for line in asked {
            match lines.iter_mut().find(|l| l.product_id == line.product_id) {
                Some(first) => first.quantity = first.quantity.plus(line.quantity),
                None => lines.push(*line),
            }
        }
        Ok(Self { customer_id, lines })
    }

    /// The customer whom the order is for.
    #[must_use]
    pub const fn customer_id(&self) -> CustomerId {
        self.customer_id
    }

    /// The lines: one per product, in the sequence of the request.
    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        &self.lines
    }

    /// What is asked for: the customer and the lines, in their sequence.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(self.customer_id.as_uuid());
        for line in &self.lines {
            hash.update(line.product_id.as_uuid());
            hash.update(line.quantity.units().to_be_bytes());
        }
        Fingerprint::from_digest(hash.finalize().into())
    }
}

/// One product of a placed order, at the price of that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderItem {
    /// The id of this item.
    pub id: OrderItemId,
    /// The product that was bought.
    pub product_id: ProductId,
    /// The number of units.
    pub quantity: Quantity,
    /// The price of one unit when the order was placed.
    pub unit_price: Price,
}

impl OrderItem {
    /// The price of all its units.
    #[must_use]
    pub fn subtotal(&self) -> Money {
        self.unit_price.times(self.quantity)
    }
}

/// A placed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The id of this order.
    pub id: OrderId,
    /// The customer whom the order is for.
    pub customer_id: CustomerId,
    /// When the order was placed, in UTC, to the microsecond.
    pub placed_at: OffsetDateTime,
    /// The current status.
    pub status: OrderStatus,
    /// The items: one per product.
    pub items: Vec<OrderItem>,
    /// How many times the order was written.
    pub version: Version,
}

impl Order {
    /// The sum of its items.
    #[must_use]
    pub fn total(&self) -> Money {
        self.items.iter().map(OrderItem::subtotal).sum()
    }

    /// The order as it was when it was placed, which was the answer to its placement.
    #[must_use]
    pub fn as_placed(self) -> Self {
        Self {
            status: OrderStatus::Pending,
            version: Version::FIRST,
            ..self
        }
    }
}

impl From<&OrderItem> for OrderLine {
    fn from(item: &OrderItem) -> Self {
        Self {
            product_id: item.product_id,
            quantity: item.quantity,
        }
    }
}

impl Versioned for Order {
    type Key = OrderId;

    fn key(&self) -> OrderId {
        self.id
    }

    fn version(&self) -> Version {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{customer_id, line, new_order, order, product_id};

    #[test]
    fn lines_of_one_product_become_one_line_with_the_sum() {
        let order = NewOrder::new(customer_id(1), &[line(2, 5), line(1, 1), line(2, 7)]).unwrap();
        assert_eq!(order.lines().len(), 2);
        assert_eq!(
            order.lines()[0],
            OrderLine {
                product_id: product_id(2),
                quantity: Quantity::parse(12).unwrap(),
            }
        );
    }

    #[test]
    fn an_order_has_one_to_a_hundred_lines() {
        let place = |lines: usize| NewOrder::new(customer_id(1), &vec![line(1, 10_000); lines]);
        assert!(matches!(place(0), Err(ValueError::TooShort { min: 1, .. })));
        assert_eq!(place(100).unwrap().lines()[0].quantity.units(), 1_000_000);
        assert!(matches!(
            place(101),
            Err(ValueError::TooLong { max: 100, .. })
        ));
    }

    #[test]
    fn only_requests_that_ask_for_the_same_have_the_same_fingerprint() {
        let print = |customer, lines: &[(u128, i64)]| new_order(customer, lines).fingerprint();
        assert_eq!(print(1, &[(1, 2), (2, 3)]), print(1, &[(1, 2), (2, 3)]));
        // Two lines of one product are one line with their sum.
        assert_eq!(print(1, &[(1, 1), (1, 1)]), print(1, &[(1, 2)]));
        for other in [
            print(2, &[(1, 2), (2, 3)]),
            print(1, &[(1, 2)]),
            print(1, &[(1, 2), (2, 4)]),
            print(1, &[(2, 3), (1, 2)]),
        ] {
            assert_ne!(print(1, &[(1, 2), (2, 3)]), other);
        }
    }

    #[test]
    fn a_total_is_the_sum_of_quantity_times_price() {
        let order = order(OrderStatus::Pending);
        let by_hand: rust_decimal::Decimal = order
            .items
            .iter()
            .map(|item| {
                item.unit_price.as_decimal() * rust_decimal::Decimal::from(item.quantity.units())
            })
            .sum();
        assert_eq!(order.total().as_decimal(), by_hand);
    }
}
