//! Accounts: who may log in.

use time::OffsetDateTime;

use super::{PasswordHash, Principal};
use crate::values::{Email, id::id};

id!(
    /// Identifies an [`Account`].
    AccountId
);

/// The credentials of somebody who may log in, and the principal they act as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The id that tokens and idempotency keys refer to.
    pub id: AccountId,
    /// What is typed to log in; unique without regard to case.
    pub email: Email,
    /// The password, hashed.
    pub password_hash: PasswordHash,
    /// The principal that the account acts as.
    pub principal: Principal,
    /// When the account was created, in UTC, to the microsecond.
    pub created_at: OffsetDateTime,
}
