//! Who did something.

use std::sync::Arc;

use super::{Account, AccountId, ApiKeyId, Caller, ClientAddress, Credential, Role};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account, which may be gone by now.
    pub account_id: AccountId,
    /// The role that it had then.
    pub role: Role,
    /// The API key that was used.
    pub api_key_id: Option<ApiKeyId>,
    /// From where; `None` for the command line.
    pub origin: Option<Arc<Origin>>,
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The client.
    pub address: ClientAddress,
    /// The id of the request.
    pub request_id: String,
}

impl Actor {
    /// An account that acts from there.
    #[must_use]
    pub const fn new(account_id: AccountId, role: Role, origin: Option<Arc<Origin>>) -> Self {
        Self {
            account_id,
            role,
            api_key_id: None,
            origin,
        }
    }

    /// The owner of this account, who has proved to be them.
    #[must_use]
    pub(super) fn owner(account: &Account, origin: Option<Arc<Origin>>) -> Self {
        Self::new(account.id, account.principal.role(), origin)
    }

    /// Whether what they do is noted in the audit log: of customers, what API keys do for them.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        self.role != Role::Customer || self.api_key_id.is_some()
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self {
            account_id: caller.account_id,
            role: caller.principal.role(),
            api_key_id: match caller.credential {
                Credential::ApiKey(id) => Some(id),
                Credential::Session(_) | Credential::CommandLine => None,
            },
            origin: caller.origin.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{account_id, own_caller};

    #[test]
    fn what_customers_do_themselves_is_not_audited() {
        let customer = Actor::from(&own_caller(1));
        assert!(!customer.is_audited());
        for role in [Role::Admin, Role::Staff] {
            assert!(Actor::new(account_id(1), role, None).is_audited());
        }
        let machine = Actor {
            api_key_id: Some(ApiKeyId::new(uuid::Uuid::from_u128(1))),
            ..customer
        };
        assert!(machine.is_audited());
    }
}
