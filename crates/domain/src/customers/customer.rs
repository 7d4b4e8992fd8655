//! The customer entity.

use time::OffsetDateTime;

use crate::{
    cache::Versioned,
    idempotency::IdempotencyKey,
    identity::{AccountId, ApiKey, Session},
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

/// What is kept of a customer's account, apart from the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// The account.
    pub id: AccountId,
    /// The address that it logs in with.
    pub email: Email,
    /// When it was created, in UTC.
    pub created_at: OffsetDateTime,
    /// The keys of its requests of the last day, and when they were sent.
    pub keys: Vec<(IdempotencyKey, OffsetDateTime)>,
    /// Its sessions.
    pub sessions: Vec<Session>,
    /// Its API keys.
    pub api_keys: Vec<ApiKey>,
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
