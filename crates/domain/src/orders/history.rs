//! The history of an order: who took it to which status, and when.

use time::OffsetDateTime;

use super::OrderStatus;
use crate::{
    customers::CustomerId,
    identity::{AccountId, Caller, Role},
    values::{Note, Version},
};

/// An order got a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The status.
    pub status: OrderStatus,
    /// When; `None` of what happened before histories were kept.
    pub at: Option<OffsetDateTime>,
    /// The role of who did it; `None` when it is not known.
    pub role: Option<Role>,
    /// The account that did it; `None` when it is not known, or not the reader's business.
    pub account_id: Option<AccountId>,
    /// What they noted with it.
    pub note: Option<Note>,
}

/// The history of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The customer whom the order is for.
    pub customer_id: CustomerId,
    /// The version of the order that it belongs to.
    pub version: Version,
    /// Every status of the order, the oldest first.
    pub entries: Vec<HistoryEntry>,
}

impl History {
    /// The history without what is not this reader's business: customers see which role of the shop
    /// did something, but not which account.
    #[must_use]
    pub(crate) fn seen_by(self, reader: &Caller) -> Self {
        let entries = self.entries.into_iter();
        Self {
            entries: entries.map(|entry| entry.seen_by(reader)).collect(),
            ..self
        }
    }
}

impl HistoryEntry {
    pub(crate) fn seen_by(self, reader: &Caller) -> Self {
        let is_told =
            |id: &AccountId| reader.principal.customer_id().is_none() || *id == reader.account_id;
        Self {
            account_id: self.account_id.filter(is_told),
            ..self
        }
    }
}
