//! Lists of customers: what they contain, and in which sequence.

use crate::values::{Email, SearchTerms};

/// Which customers a list contains: those for which all of this is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomersFilter {
    /// They have this address, in whatever case.
    pub email: Option<Email>,
    /// Their name is like this, whatever the case and the accents.
    pub terms: Option<SearchTerms>,
}

/// What customers are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomerSort {
    /// The moment at which they were registered.
    CreatedAt,
    /// Their name, whatever the case and the accents.
    Name,
}
