//! Transitions: taking an order from one status to another.

use thiserror::Error;

use super::{Order, OrderLine, OrderStatus};
use crate::identity::{Caller, Permission};

/// A decided transition: all that storage has to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The order after the transition, with its new version.
    pub order: Order,
    /// The units that go back into stock.
    pub returned: Vec<OrderLine>,
}

/// The rows that are locked while a transition is decided and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransitionLocks {
    /// The order alone.
    Order,
    /// The order, and the stock of everything in it.
    OrderAndStock,
}

/// Why a transition was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TransitionRefused {
    /// There is no transition between these statuses.
    #[error("an order cannot go from {from} to {to}")]
    Illegal {
        /// The current status.
        from: OrderStatus,
        /// The requested status.
        to: OrderStatus,
    },
    /// The transition exists, but customers may only cancel pending orders.
    #[error("a customer cannot take an order from {from} to {to}")]
    NotForCustomers {
        /// The current status.
        from: OrderStatus,
        /// The requested status.
        to: OrderStatus,
    },
}

impl Order {
    /// Decides a transition of this order, whose row is locked; `None` when it already has that
    /// status.
    ///
    /// # Errors
    ///
    /// When there is no such transition, or the caller may not make it.
    pub fn transition_to(
        &self,
        to: OrderStatus,
        by: &Caller,
    ) -> Result<Option<Transition>, TransitionRefused> {
        let from = self.status;
        let may_fulfil = by.may(Permission::OrdersFulfil);
        if to == from {
            return Ok(None);
        }
        if !may_fulfil && to != OrderStatus::Cancelled {
            return Err(TransitionRefused::NotForCustomers { from, to });
        }
        if !from.transitions().contains(&to) {
            return Err(TransitionRefused::Illegal { from, to });
        }
        if !may_fulfil && from != OrderStatus::Pending {
            return Err(TransitionRefused::NotForCustomers { from, to });
        }
        let returned = match to {
            OrderStatus::Cancelled => self.items.iter().map(OrderLine::from).collect(),
            OrderStatus::Pending
            | OrderStatus::Paid
            | OrderStatus::Shipped
            | OrderStatus::Delivered => Vec::new(),
        };
        Ok(Some(Transition {
            order: Self {
                status: to,
                version: self.version.next(),
                ..self.clone()
            },
            returned,
        }))
    }
}

#[cfg(test)]
mod tests;
