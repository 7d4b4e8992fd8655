//! Transitions: taking an order from one status to another.

use thiserror::Error;
use time::OffsetDateTime;

use super::{Order, OrderLine, OrderStatus};
use crate::{
    identity::{Actor, Caller, Permission},
    values::Note,
};

/// A decided transition: all that storage has to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The order after the transition, with its new version.
    pub order: Order,
    /// The units that go back into stock.
    pub returned: Vec<OrderLine>,
    /// When it was made.
    pub at: OffsetDateTime,
    /// Who made it.
    pub by: Actor,
    /// What they noted with it.
    pub note: Option<Note>,
}

/// The transition that a caller wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionRequest {
    /// The status that the order gets.
    pub to: OrderStatus,
    /// What is to be noted with it.
    pub note: Option<Note>,
}

/// A transition without a note.
impl From<OrderStatus> for TransitionRequest {
    fn from(to: OrderStatus) -> Self {
        Self { to, note: None }
    }
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
    /// The statuses to which this caller may take the order now.
    #[must_use]
    pub fn transitions_for(&self, caller: &Caller) -> Vec<OrderStatus> {
        let is_allowed = |to: &OrderStatus| self.allows(*to, caller).is_ok();
        let possible = self.status.transitions().iter();
        if caller.may(Permission::OrdersWrite) {
            possible.copied().filter(is_allowed).collect()
        } else {
            Vec::new()
        }
    }

    /// Refuses a transition that there is not, or that the caller may not make.
    fn allows(&self, to: OrderStatus, by: &Caller) -> Result<(), TransitionRefused> {
        let from = self.status;
        let may_fulfil = by.may(Permission::OrdersFulfil);
        if !may_fulfil && to != OrderStatus::Cancelled {
            return Err(TransitionRefused::NotForCustomers { from, to });
        }
        if !from.transitions().contains(&to) {
            return Err(TransitionRefused::Illegal { from, to });
        }
        if !may_fulfil && from != OrderStatus::Pending {
            return Err(TransitionRefused::NotForCustomers { from, to });
        }
        Ok(())
    }

    /// Decides a transition of this order, whose row is locked; `None` when it already has that
    /// status.
    ///
    /// # Errors
    ///
    /// When there is no such transition, or the caller may not make it.
    pub fn transition(
        &self,
        request: TransitionRequest,
        by: &Caller,
        now: OffsetDateTime,
    ) -> Result<Option<Transition>, TransitionRefused> {
        let to = request.to;
        if to == self.status {
            return Ok(None);
        }
        self.allows(to, by)?;
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
            at: now,
            by: by.into(),
            note: request.note,
        }))
    }
}

#[cfg(test)]
mod tests;
