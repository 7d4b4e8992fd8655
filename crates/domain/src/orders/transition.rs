//! Transitions: taking an order from one status to another.

use thiserror::Error;

use super::{Order, OrderLine, OrderStatus};
use crate::identity::{Caller, Permission};

/// A transition that was decided: all that storage has to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The order after it, with its new version.
    pub order: Order,
    /// What goes back into stock with it.
    pub returned: Vec<OrderLine>,
}

/// What is locked while a transition is decided and written.
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
    /// The life of an order has no such transition.
    #[error("an order cannot go from {from} to {to}")]
    Illegal {
        /// Where the order is.
        from: OrderStatus,
        /// Where it was asked to go.
        to: OrderStatus,
    },
    /// The transition exists, but customers may only cancel what is still pending.
    #[error("a customer cannot take an order from {from} to {to}")]
    NotForCustomers {
        /// Where the order is.
        from: OrderStatus,
        /// Where it was asked to go.
        to: OrderStatus,
    },
}

impl Order {
    /// Decides a transition of this order; `None` when it already has that status. The rule about
    /// a locked row.
    ///
    /// # Errors
    ///
    /// When the life of an order has no such transition, or it is not this caller's to make.
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
