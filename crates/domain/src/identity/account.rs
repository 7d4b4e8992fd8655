//! Accounts: who may log in.

use time::OffsetDateTime;

use super::{PasswordHash, Principal};
use crate::values::{Email, id::id};

id!(
    /// Identifies an [`Account`].
    AccountId
);

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's identity.
    pub id: AccountId,
    /// What is typed to log in; unique without regard to case.
    pub email: Email,
    /// The password, hashed.
    pub password_hash: PasswordHash,
    /// As whom the account acts.
    pub principal: Principal,
    /// When the account was made, in UTC, to the microsecond.
    pub created_at: OffsetDateTime,
}
