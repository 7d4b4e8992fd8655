//! Callers and their permissions.

use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;
use uuid::Uuid;

use super::{AccountId, Credential, Origin, Principal, SessionId};
use crate::values::ValueError;

/// A permission that a caller may have. A customer has it for its own data and orders alone: see
/// [`Principal::may_see`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See customers.
    CustomersRead,
    /// List and search customers.
    CustomersList,
    /// Register customers.
    CustomersRegister,
    /// Change customers.
    CustomersWrite,
    /// Erase customers.
    CustomersErase,
    /// See the catalogue.
    ProductsRead,
    /// Change the catalogue.
    ProductsWrite,
    /// See stock levels.
    StockRead,
    /// Set stock levels.
    StockWrite,
    /// See orders.
    OrdersRead,
    /// Place orders, and cancel those that are pending.
    OrdersWrite,
    /// Take orders through every transition.
    OrdersFulfil,
    /// See accounts.
    UsersRead,
    /// Create and change accounts, and let others set their passwords.
    UsersWrite,
    /// See the audit log.
    AuditRead,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 15] = [
        Self::CustomersRead,
        Self::CustomersList,
        Self::CustomersRegister,
        Self::CustomersWrite,
        Self::CustomersErase,
        Self::ProductsRead,
        Self::ProductsWrite,
        Self::StockRead,
        Self::StockWrite,
        Self::OrdersRead,
        Self::OrdersWrite,
        Self::OrdersFulfil,
        Self::UsersRead,
        Self::UsersWrite,
        Self::AuditRead,
    ];

    /// What no API key may do, whatever its scopes: one that could manage accounts could make itself an
    /// account that may do everything.
    pub const NEVER_GRANTED: Self = Self::UsersWrite;

    /// The name of the permission: `noun:verb`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CustomersRead => "customers:read",
            Self::CustomersList => "customers:list",
            Self::CustomersRegister => "customers:register",
            Self::CustomersWrite => "customers:write",
            Self::CustomersErase => "customers:erase",
            Self::ProductsRead => "products:read",
            Self::ProductsWrite => "products:write",
            Self::StockRead => "stock:read",
            Self::StockWrite => "stock:write",
            Self::OrdersRead => "orders:read",
            Self::OrdersWrite => "orders:write",
            Self::OrdersFulfil => "orders:fulfil",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::AuditRead => "audit:read",
        }
    }

    /// The set that contains only this permission.
    const fn alone(self) -> Permissions {
        Permissions(match self {
            Self::CustomersRead => 1,
            Self::CustomersWrite => 1 << 1,
            Self::ProductsWrite => 1 << 2,
            Self::StockRead => 1 << 3,
            Self::StockWrite => 1 << 4,
            Self::OrdersRead => 1 << 5,
            Self::OrdersWrite => 1 << 6,
            Self::OrdersFulfil => 1 << 7,
            Self::ProductsRead => 1 << 8,
            Self::CustomersErase => 1 << 9,
            Self::CustomersRegister => 1 << 10,
            Self::CustomersList => 1 << 11,
            Self::UsersRead => 1 << 12,
            Self::UsersWrite => 1 << 13,
            Self::AuditRead => 1 << 14,
        })
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or(ValueError::Malformed {
            expected: "the name of a permission, such as orders:write",
        })
    }
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// The set of these permissions.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut set = Self(0);
        let mut rest = permissions;
        while let [first, others @ ..] = rest {
            set = set.union(first.alone());
            rest = others;
        }
        set
    }

    /// The permissions that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The permissions of the set but this one.
    #[must_use]
    pub const fn without(self, permission: Permission) -> Self {
        Self(self.0 & !permission.alone().0)
    }

    /// The permissions of the set.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .into_iter()
            .filter(move |permission| self.contain(*permission))
    }

    /// The union of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set contains this permission.
    #[must_use]
    pub const fn contain(self, permission: Permission) -> bool {
        self.0 & permission.alone().0 != 0
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.iter().map(Permission::as_str);
        f.debug_set().entries(held).finish()
    }
}

/// An authenticated account, the principal it acts as, and its permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account that was authenticated.
    pub account_id: AccountId,
    /// The principal that it acts as.
    pub principal: Principal,
    /// The permissions that it has.
    pub permissions: Permissions,
    /// What it has shown.
    pub credential: Credential,
    /// Where its request came from; `None` for the command line.
    pub origin: Option<Arc<Origin>>,
}

/// The caller lacks this permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the caller lacks the permission {0}")]
pub struct Forbidden(pub Permission);

/// The caller has not logged in: it shows an API key, for example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the caller has not logged in")]
pub struct NotLoggedIn;

impl Caller {
    /// Whoever runs a command on the server's machine, and may do everything.
    pub const OPERATOR: Self = Self::new(AccountId::new(Uuid::nil()), Principal::Admin);

    /// A caller on the command line, with all permissions of its role.
    #[must_use]
    pub const fn new(account_id: AccountId, principal: Principal) -> Self {
        Self {
            account_id,
            principal,
            permissions: principal.role().permissions(),
            credential: Credential::CommandLine,
            origin: None,
        }
    }

    /// A caller who has logged in, with all permissions of its role.
    #[must_use]
    pub fn in_session(account_id: AccountId, principal: Principal, session: SessionId) -> Self {
        Self {
            credential: Credential::Session(session),
            ..Self::new(account_id, principal)
        }
    }

    /// Refuses a caller who has not logged in, and returns its session. Passwords, sessions and keys are
    /// no business of API keys.
    ///
    /// # Errors
    ///
    /// When the caller shows something else than a token of a session.
    pub const fn must_be_logged_in(&self) -> Result<SessionId, NotLoggedIn> {
        match self.credential {
            Credential::Session(id) => Ok(id),
            Credential::ApiKey(_) | Credential::CommandLine => Err(NotLoggedIn),
        }
    }

    /// Whether the caller has this permission.
    #[must_use]
    pub const fn may(&self, permission: Permission) -> bool {
        self.permissions.contain(permission)
    }

    /// Refuses a caller without this permission.
    ///
    /// # Errors
    ///
    /// `Forbidden` when the caller lacks the permission.
    pub const fn must_have(&self, permission: Permission) -> Result<(), Forbidden> {
        if self.may(permission) {
            Ok(())
        } else {
            Err(Forbidden(permission))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        for permission in Permission::ALL {
            let set = Permissions::of(&[permission]);
            assert_eq!(set.iter().collect::<Vec<_>>(), [permission]);
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
        let names: HashSet<_> = Permission::ALL.map(Permission::as_str).into();
        assert_eq!(names.len(), Permission::ALL.len());
    }
}
