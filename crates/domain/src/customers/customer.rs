//! The customer.

use time::OffsetDateTime;

use crate::{
    cache::Versioned,
    values::{Email, Name, Version, id::id},
};

id!(
    /// Identifies a [`Customer`].
    CustomerId
);

/// Somebody who buys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The identity that orders refer to.
    pub id: CustomerId,
    /// What the customer is called.
    pub name: Name,
    /// Where the customer is reached; unique without regard to case.
    pub email: Email,
    /// When the customer was registered, in UTC, to the microsecond.
    pub created_at: OffsetDateTime,
    /// How often the customer was written.
    pub version: Version,
}

impl Versioned for Customer {
    type Key = CustomerId;

    fn key(&self) -> CustomerId {
        self.id
    }

    fn version(&self) -> Version {
        self.version
    }
}
