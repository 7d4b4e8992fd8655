//! The customer entity.

use time::OffsetDateTime;

use crate::{
    cache::Versioned,
    values::{Email, Name, Version, id::id},
};

id!(
    /// Identifies a [`Customer`].
    CustomerId
);

/// A customer, who may have an account to log in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The id that orders refer to.
    pub id: CustomerId,
    /// The customer's name.
    pub name: Name,
    /// The email address; unique without regard to case.
    pub email: Email,
    /// When the customer was registered, in UTC, to the microsecond.
    pub created_at: OffsetDateTime,
    /// How many times the customer was written.
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
