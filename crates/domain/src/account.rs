//! Accounts: who may log in, and what they may do.

use std::{fmt, str::FromStr};

use time::OffsetDateTime;

use crate::{CustomerId, Email, Unit, ValueError, id::id};

id!(
    /// Identifies an [`Account`].
    AccountId
);

/// What a kind of account may do.
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
    /// Every role.
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

/// As whom an account acts. A customer's account belongs to one customer.
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
    /// The role that this principal has.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::Staff => Role::Staff,
            Self::Customer(_) => Role::Customer,
        }
    }

    /// The customer whose account this is, if it is a customer's.
    #[must_use]
    pub const fn customer_id(self) -> Option<CustomerId> {
        match self {
            Self::Admin | Self::Staff => None,
            Self::Customer(id) => Some(id),
        }
    }

    /// The principal that a role and an optional customer make; `None` when they contradict.
    #[must_use]
    pub const fn from_parts(role: Role, customer_id: Option<CustomerId>) -> Option<Self> {
        match (role, customer_id) {
            (Role::Admin, None) => Some(Self::Admin),
            (Role::Staff, None) => Some(Self::Staff),
            (Role::Customer, Some(id)) => Some(Self::Customer(id)),
            (Role::Admin | Role::Staff, Some(_)) | (Role::Customer, None) => None,
        }
    }

    /// Whether what belongs to `owner` may be seen: customers see their own, the shop sees all.
    #[must_use]
    pub fn may_see(self, owner: CustomerId) -> bool {
        self.customer_id().is_none_or(|own| own == owner)
    }
}

/// Who asks: an account that proved itself, and as whom it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account_id: AccountId,
    /// As whom it acts.
    pub principal: Principal,
}

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

/// A password that somebody chose: 8 characters to 71 bytes of UTF-8. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The fewest characters in a password.
    pub const MIN_CHARACTERS: usize = 8;
    /// The most bytes in a password: what bcrypt reads, less its terminating zero.
    pub const MAX_BYTES: usize = 71;

    /// Reads a password, kept exactly as it was typed.
    ///
    /// # Errors
    ///
    /// When it is too short or too long. A long one is refused, never cut.
    pub fn parse(text: String) -> Result<Self, ValueError> {
        if text.chars().count() < Self::MIN_CHARACTERS {
            return Err(ValueError::TooShort {
                min: Self::MIN_CHARACTERS,
                unit: Unit::Characters,
            });
        }
        if text.len() > Self::MAX_BYTES {
            return Err(ValueError::TooLong {
                max: Self::MAX_BYTES,
                unit: Unit::Bytes,
            });
        }
        Ok(Self(text))
    }

    /// The password in clear, for the hasher alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password after hashing, in the hasher's own format. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash that a [`crate::ports::PasswordHasher`] made.
    #[must_use]
    pub const fn new(hash: String) -> Self {
        Self(hash)
    }

    /// The hash, for the hasher and for storage alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_eight_characters_to_seventy_one_bytes() {
        let parse = |text: &str| Password::parse(text.to_owned());
        assert!(parse("çãõéíúâê").is_ok());
        assert!(matches!(parse("1234567"), Err(ValueError::TooShort { .. })));
        assert!(parse(&"x".repeat(71)).is_ok());
        assert!(matches!(
            parse(&"x".repeat(72)),
            Err(ValueError::TooLong { max: 71, .. })
        ));
        assert!(matches!(
            parse(&"ã".repeat(36)),
            Err(ValueError::TooLong { max: 71, .. })
        ));
    }

    #[test]
    fn secrets_do_not_print() {
        let password = Password::parse("correct horse".to_owned()).unwrap();
        let hash = PasswordHash::new("$2b$12$abc".to_owned());
        let printed = format!("{password:?} {hash:?}");
        assert!(!printed.contains("correct") && !printed.contains("$2b"));
    }

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
