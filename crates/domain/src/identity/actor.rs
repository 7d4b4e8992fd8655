//! Who did something.

use super::{AccountId, Caller, Role};

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// The account, which may be gone by now.
    pub account_id: AccountId,
    /// The role that it had then.
    pub role: Role,
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self {
            account_id: caller.account_id,
            role: caller.principal.role(),
        }
    }
}
