//! Pages of lists, by keyset pagination: a page continues behind the last entry of the one before,
//! wherever that entry is by then. Entries that stay are listed once, whatever is inserted, changed
//! and deleted meanwhile.

use uuid::Uuid;

use super::{Freshness, Limit};
use crate::identity::Caller;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, at most as many as were asked for.
    pub items: Vec<T>,
    /// The position of the last entry, when there are more.
    pub next: Option<Position>,
}

impl<T> Page<T> {
    /// The only page of a list that has no entries.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}

/// Which page of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The most entries in the page.
    pub limit: Limit,
    /// The position behind which it begins; `None` for the first page.
    pub after: Option<Position>,
    /// How old it may be.
    pub freshness: Freshness,
}

impl PageRequest {
    /// The same page, as fresh as this caller gets it.
    pub(crate) fn of<'a>(&self, caller: impl Into<Option<&'a Caller>>) -> Self {
        Self {
            freshness: self.freshness.of(caller.into()),
            ..self.clone()
        }
    }
}

/// The position of an entry in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// What the list is sorted by, as storage writes it. Only storage reads it.
    pub key: String,
    /// The id of the entry, which decides between equal keys.
    pub id: Uuid,
}

/// The sequence of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort<K> {
    /// What the list is sorted by.
    pub by: K,
    /// Whether the greatest comes first.
    pub is_descending: bool,
}

impl<K: Copy> Sort<K> {
    /// The least first.
    #[must_use]
    pub const fn ascending(by: K) -> Self {
        Self {
            by,
            is_descending: false,
        }
    }

    /// The greatest first.
    #[must_use]
    pub const fn descending(by: K) -> Self {
        Self {
            by,
            is_descending: true,
        }
    }
}
