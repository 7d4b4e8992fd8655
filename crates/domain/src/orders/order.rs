//! Orders: what was bought, at which price, and how far it has come.

use time::OffsetDateTime;

use super::OrderStatus;
use crate::{
    cache::Versioned,
    catalog::ProductId,
    customers::CustomerId,
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

/// One line of an order that somebody wants to place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLine {
    /// What is wanted.
    pub product_id: ProductId,
    /// How many units of it.
    pub quantity: Quantity,
}

/// An order that somebody wants to place. Once it exists it is well-formed: at least one line,
/// and one line for each product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    customer_id: CustomerId,
    lines: Vec<OrderLine>,
}

impl NewOrder {
    /// The most lines in one order.
    pub const MAX_LINES: usize = 100;

    /// Takes the lines that a customer asks for. Lines of one product become one line with the
    /// sum, at the place of the first.
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

    /// Who buys.
    #[must_use]
    pub const fn customer_id(&self) -> CustomerId {
        self.customer_id
    }

    /// What is wanted: one line a product, in the order in which they were asked for.
    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        &self.lines
    }
}

/// One product of a placed order, at the price of that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderItem {
    /// The item's identity.
    pub id: OrderItemId,
    /// What was bought.
    pub product_id: ProductId,
    /// How many units of it.
    pub quantity: Quantity,
    /// What one unit cost when the order was placed.
    pub unit_price: Price,
}

impl OrderItem {
    /// What the item costs.
    #[must_use]
    pub fn subtotal(&self) -> Money {
        self.unit_price.times(self.quantity)
    }
}

/// A placed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The order's identity.
    pub id: OrderId,
    /// Who bought.
    pub customer_id: CustomerId,
    /// When, in UTC, to the microsecond.
    pub placed_at: OffsetDateTime,
    /// How far it has come.
    pub status: OrderStatus,
    /// What was bought: one item a product.
    pub items: Vec<OrderItem>,
    /// How often the order was written.
    pub version: Version,
}

impl Order {
    /// What the order costs.
    #[must_use]
    pub fn total(&self) -> Money {
        self.items.iter().map(OrderItem::subtotal).sum()
    }

    /// The order as it was when it was placed: what was answered to whoever placed it.
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
    use crate::fixtures::{customer_id, line, order, product_id};

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
