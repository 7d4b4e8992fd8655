//! The statuses of an order, and the transitions between them.

use std::{fmt, str::FromStr};

use super::TransitionLocks;
use crate::values::ValueError;

/// The status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// Placed, not yet paid.
    Pending,
    /// Paid, not yet on its way.
    Paid,
    /// On its way.
    Shipped,
    /// With the customer; final.
    Delivered,
    /// Called off, its units back in stock; final.
    Cancelled,
}

impl OrderStatus {
    /// All statuses, in the sequence of an order's life.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Paid,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
    ];

    /// The statuses to which an order can go from this one.
    #[must_use]
    pub const fn transitions(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Paid, Self::Cancelled],
            Self::Paid => &[Self::Shipped, Self::Cancelled],
            Self::Shipped => &[Self::Delivered],
            Self::Delivered | Self::Cancelled => &[],
        }
    }

    /// What a transition to this status changes, which must be locked before it is decided.
    #[must_use]
    pub const fn locks(self) -> TransitionLocks {
        match self {
            Self::Cancelled => TransitionLocks::OrderAndStock,
            Self::Pending | Self::Paid | Self::Shipped | Self::Delivered => TransitionLocks::Order,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_one_name() {
        for status in OrderStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("Paid".parse::<OrderStatus>().is_err());
    }
}
