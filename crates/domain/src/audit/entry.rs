//! Entries of the audit log.

use std::{fmt, str::FromStr};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    identity::{AccountId, ApiKeyId, ClientAddress, Role},
    values::ValueError,
};

/// Declares the actions: one row per action, with the thing that it is done to.
macro_rules! actions {
    ($($(#[$doc:meta])+ $name:ident: $text:literal, $thing:ident;)+) => {
        /// What somebody does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])+ $name,)+
        }

        impl Action {
            /// All actions.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name of the action: `noun:verb`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it is done to.
            #[must_use]
            pub const fn thing(self) -> Thing {
                match self {
                    $(Self::$name => Thing::$thing,)+
                }
            }
        }
    };
}

actions! {
    /// Registers a customer.
    CustomersRegister: "customers:register", Customer;
    /// Changes a customer.
    CustomersEdit: "customers:edit", Customer;
    /// Erases a customer.
    CustomersErase: "customers:erase", Customer;
    /// Adds a product.
    ProductsCreate: "products:create", Product;
    /// Changes a product, or retires it.
    ProductsEdit: "products:edit", Product;
    /// Writes a batch of an import of products.
    ProductsImport: "products:import", Import;
    /// Moves stock.
    StockMove: "stock:move", Product;
    /// Counts stock.
    StockCount: "stock:count", Product;
    /// Places an order.
    OrdersPlace: "orders:place", Order;
    /// Takes an order to another status.
    OrdersTransition: "orders:transition", Order;
    /// Creates an account.
    UsersCreate: "users:create", User;
    /// Gives an account another role, or disables or enables it.
    UsersEdit: "users:edit", User;
    /// Makes a token with which a password is set.
    UsersOfferReset: "users:offer-reset", User;
    /// Sets the password of an account.
    UsersSetPassword: "users:set-password", User;
    /// Makes an API key.
    ApiKeysCreate: "api-keys:create", ApiKey;
    /// Removes an API key.
    ApiKeysRemove: "api-keys:remove", ApiKey;
    /// Logs in.
    SessionsBegin: "sessions:begin", Session;
    /// Logs out.
    SessionsEnd: "sessions:end", Session;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let known = Self::ALL.iter().find(|known| known.as_str() == text);
        known.copied().ok_or(ValueError::Malformed {
            expected: "the name of an action",
        })
    }
}

/// A kind of thing that something is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A customer.
    Customer,
    /// A product.
    Product,
    /// An import.
    Import,
    /// An order.
    Order,
    /// An account.
    User,
    /// An API key.
    ApiKey,
    /// A session.
    Session,
}

impl Thing {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Customer,
        Self::Product,
        Self::Import,
        Self::Order,
        Self::User,
        Self::ApiKey,
        Self::Session,
    ];

    /// The name of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Product => "product",
            Self::Import => "import",
            Self::Order => "order",
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::Session => "session",
        }
    }
}

/// Who did what to which thing, when, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The id of the entry.
    pub id: Uuid,
    /// When, in UTC.
    pub at: OffsetDateTime,
    /// The account that did it, which may be gone by now; nil for the command line.
    pub account_id: AccountId,
    /// The role that it had.
    pub role: Role,
    /// The API key that it did it with.
    pub api_key_id: Option<ApiKeyId>,
    /// What it did.
    pub action: Action,
    /// The id of what it did it to.
    pub thing_id: Uuid,
    /// From where; `None` for the command line, and of customers who were erased.
    pub address: Option<ClientAddress>,
    /// The id of the request.
    pub request_id: Option<String>,
}

/// Which entries a list contains: those for which all of this is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// This account did it.
    pub account_id: Option<AccountId>,
    /// It was done to this thing.
    pub thing_id: Option<Uuid>,
    /// It was done then or later.
    pub after: Option<OffsetDateTime>,
    /// It was done before then.
    pub before: Option<OffsetDateTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_by_its_name() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        assert!("orders:steal".parse::<Action>().is_err());
    }
}
