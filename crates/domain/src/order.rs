//! Orders: what was bought, at which price, and how far it has come.

use std::{fmt, num::NonZeroU32, str::FromStr};

use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    CustomerId, Money, Price, Principal, ProductId, Role, Unit, ValueError, Version, id::id,
};

id!(
    /// Identifies an [`Order`].
    OrderId
);

id!(
    /// Identifies an [`OrderItem`].
    OrderItemId
);

/// How many units of a product one line orders: at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(NonZeroU32);

impl Quantity {
    /// The most units that one line may ask for.
    pub const MAX_ASKED: u32 = 10_000;

    /// Reads a quantity that somebody asks for: 1 to 10 000.
    ///
    /// # Errors
    ///
    /// When the number is outside that range.
    pub fn parse(units: i64) -> Result<Self, ValueError> {
        Self::from_stored(units)
            .ok()
            .filter(|quantity| quantity.units() <= Self::MAX_ASKED)
            .ok_or(ValueError::OutOfRange {
                min: 1,
                max: Self::MAX_ASKED.into(),
            })
    }

    /// Takes a quantity that storage kept. It may be above what one line may ask for, because
    /// lines of one product are added up.
    ///
    /// # Errors
    ///
    /// When the number is less than 1 or does not fit.
    pub fn from_stored(units: i64) -> Result<Self, ValueError> {
        u32::try_from(units)
            .ok()
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or(ValueError::OutOfRange {
                min: 1,
                max: u32::MAX.into(),
            })
    }

    /// The number of units.
    #[must_use]
    pub const fn units(self) -> u32 {
        self.0.get()
    }

    const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.units()))
    }
}

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

    /// Decides a move of this order to another status: the rule about a locked row.
    ///
    /// # Errors
    ///
    /// When the life of an order has no such move, or it is not this principal's to make.
    pub fn move_to(&self, to: OrderStatus, by: Principal) -> Result<Move, MoveRefused> {
        let from = self.status;
        if to == from {
            return Ok(Move::Unchanged);
        }
        if by.role() == Role::Customer && to != OrderStatus::Cancelled {
            return Err(MoveRefused::NotACustomersMove { from, to });
        }
        if !from.successors().contains(&to) {
            return Err(MoveRefused::Illegal { from, to });
        }
        if by.role() == Role::Customer && from != OrderStatus::Pending {
            return Err(MoveRefused::NotACustomersMove { from, to });
        }
        let returned = match to {
            OrderStatus::Cancelled => self.items.iter().map(OrderLine::from).collect(),
            OrderStatus::Pending
            | OrderStatus::Paid
            | OrderStatus::Shipped
            | OrderStatus::Delivered => Vec::new(),
        };
        Ok(Move::Changed(StatusChange {
            order: Self {
                status: to,
                version: self.version.next(),
                ..self.clone()
            },
            returned,
        }))
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

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// Placed, not yet paid.
    Pending,
    /// Paid, not yet on its way.
    Paid,
    /// On its way.
    Shipped,
    /// With the customer. The end.
    Delivered,
    /// Called off, its units back in stock. The end.
    Cancelled,
}

impl OrderStatus {
    /// Every status, in the order of an order's life.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Paid,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
    ];

    /// The life of an order: where it may go from here.
    #[must_use]
    pub const fn successors(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Paid, Self::Cancelled],
            Self::Paid => &[Self::Shipped, Self::Cancelled],
            Self::Shipped => &[Self::Delivered],
            Self::Delivered | Self::Cancelled => &[],
        }
    }

    /// What a move to this status changes, and so must be locked before it is decided.
    #[must_use]
    pub const fn locks(self) -> MoveLocks {
        match self {
            Self::Cancelled => MoveLocks::OrderAndStock,
            Self::Pending | Self::Paid | Self::Shipped | Self::Delivered => MoveLocks::Order,
        }
    }

    /// The status's name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderStatus {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(ValueError::Malformed {
                expected: "one of pending, paid, shipped, delivered, cancelled",
            })
    }
}

/// What is locked while a move is decided and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveLocks {
    /// The order alone.
    Order,
    /// The order, and the stock of everything in it.
    OrderAndStock,
}

/// What comes of a wish to move an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// The order already is where it was asked to go: nothing is to be written.
    Unchanged,
    /// This is to be written.
    Changed(StatusChange),
}

/// A decided change of status: all that storage has to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// The order after the change, with its new version.
    pub order: Order,
    /// What goes back into stock with it.
    pub returned: Vec<OrderLine>,
}

/// Why an order may not be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MoveRefused {
    /// The life of an order has no such move.
    #[error("an order cannot go from {from} to {to}")]
    Illegal {
        /// Where the order is.
        from: OrderStatus,
        /// Where it was asked to go.
        to: OrderStatus,
    },
    /// The move exists, but customers may only cancel what is still pending.
    #[error("a customer cannot move an order from {from} to {to}")]
    NotACustomersMove {
        /// Where the order is.
        from: OrderStatus,
        /// Where it was asked to go.
        to: OrderStatus,
    },
}

#[cfg(test)]
mod tests;
