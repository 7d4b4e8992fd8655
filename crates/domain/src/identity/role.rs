//! Roles and principals: who an account acts as.

use std::{fmt, str::FromStr};

use super::{Permission, Permissions};
use crate::{customers::CustomerId, values::ValueError};

/// A named set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs the shop.
    Admin,
    /// Works in the shop.
    Staff,
    /// Buys.
    Customer,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Staff, Self::Customer];

    /// The role's name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Staff => "staff",
            Self::Customer => "customer",
        }
    }

    /// The permissions that this role stands for.
    #[must_use]
    pub const fn permissions(self) -> Permissions {
        use Permission as P;
        const CUSTOMER: Permissions = Permissions::of(&[
            P::CustomersRead,
            P::CustomersWrite,
            P::ProductsRead,
            P::OrdersRead,
            P::OrdersWrite,
        ]);
        const STAFF: Permissions = CUSTOMER.union(Permissions::of(&[
            P::CustomersList,
            P::CustomersRegister,
            P::ProductsWrite,
            P::StockRead,
            P::StockWrite,
            P::OrdersFulfil,
        ]));
        const ERASE: Permissions = Permissions::of(&[P::CustomersErase]);
        const GOVERN: Permissions = Permissions::of(&[P::UsersRead, P::UsersWrite, P::AuditRead]);
        match self {
            Self::Admin => STAFF.union(ERASE).union(GOVERN),
            Self::Staff => STAFF,
            Self::Customer => CUSTOMER.union(ERASE),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(ValueError::Malformed {
                expected: "one of admin, staff, customer",
            })
    }
}

/// A role of the shop's people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShopRole {
    /// Runs the shop.
    Admin,
    /// Works in the shop.
    Staff,
}

impl ShopRole {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Admin, Self::Staff];
}

impl From<ShopRole> for Role {
    fn from(role: ShopRole) -> Self {
        Principal::from(role).role()
    }
}

impl From<ShopRole> for Principal {
    fn from(role: ShopRole) -> Self {
        match role {
            ShopRole::Admin => Self::Admin,
            ShopRole::Staff => Self::Staff,
        }
    }
}

/// Who an account acts as: the shop, or one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// Somebody who runs the shop.
    Admin,
    /// Somebody who works in the shop.
    Staff,
    /// This customer.
    Customer(CustomerId),
}

impl Principal {
    /// The role of this principal.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::Staff => Role::Staff,
            Self::Customer(_) => Role::Customer,
        }
    }

    /// The customer whose account this is; `None` for the shop's accounts.
    #[must_use]
    pub const fn customer_id(self) -> Option<CustomerId> {
        match self {
            Self::Admin | Self::Staff => None,
            Self::Customer(id) => Some(id),
        }
    }

    /// The principal with this role and customer; `None` when they contradict each other.
    #[must_use]
    pub const fn from_parts(role: Role, customer_id: Option<CustomerId>) -> Option<Self> {
        match (role, customer_id) {
            (Role::Admin, None) => Some(Self::Admin),
            (Role::Staff, None) => Some(Self::Staff),
            (Role::Customer, Some(id)) => Some(Self::Customer(id)),
            (Role::Admin | Role::Staff, Some(_)) | (Role::Customer, None) => None,
        }
    }

    /// Whether this principal may see what belongs to `owner`: customers see their own, the shop
    /// sees all.
    #[must_use]
    pub fn may_see(self, owner: CustomerId) -> bool {
        self.customer_id().is_none_or(|own| own == owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_and_a_customer_make_a_principal_only_when_they_agree() {
        let customer = CustomerId::new(uuid::Uuid::from_u128(7));
        assert_eq!(
            Principal::from_parts(Role::Customer, Some(customer)),
            Some(Principal::Customer(customer))
        );
        assert_eq!(Principal::from_parts(Role::Customer, None), None);
        assert_eq!(Principal::from_parts(Role::Admin, Some(customer)), None);
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }
}
