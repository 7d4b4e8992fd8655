//! API keys and their secrets.

use std::fmt;

use time::{Duration, OffsetDateTime};

use crate::{
    identity::{
        AccountId, Caller, Credential, Permission, Permissions, Principal, Secret, TokenHash,
        TokenRefused,
    },
    values::{Name, ValueError, id::id},
};

id!(
    /// Identifies an [`ApiKey`].
    ApiKeyId
);

/// A key of an account, for a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The id.
    pub id: ApiKeyId,
    /// The account that made it, and owns it.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub name: Name,
    /// What it may do, if its owner may.
    pub scopes: Permissions,
    /// When it was made, in UTC.
    pub created_at: OffsetDateTime,
    /// When it ends, in UTC.
    pub expires_at: OffsetDateTime,
    /// The hour in which it was last used, in UTC; `None` when it never was.
    pub used_at: Option<OffsetDateTime>,
    /// The hash of its secret.
    pub secret: TokenHash,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// What its owner calls it.
    pub name: Name,
    /// What it may do, if its owner may.
    pub scopes: Permissions,
    /// How long it lives.
    pub life: KeyLife,
}

/// How long a key lives: 1 to 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLife(u16);

impl KeyLife {
    /// The most days.
    pub const MAX_DAYS: u16 = 366;

    /// How long a key lives of which nothing else is said: 90 days.
    pub const NINETY_DAYS: Self = Self(90);

    /// Accepts 1 to 366 days.
    ///
    /// # Errors
    ///
    /// When the number is outside that range.
    pub fn parse(days: i64) -> Result<Self, ValueError> {
        u16::try_from(days)
            .ok()
            .filter(|days| (1..=Self::MAX_DAYS).contains(days))
            .map(Self)
            .ok_or(ValueError::OutOfRange {
                min: 1,
                max: Self::MAX_DAYS.into(),
            })
    }

    pub(super) fn duration(self) -> Duration {
        Duration::days(self.0.into())
    }
}

/// A key, and whom it acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedApiKey {
    /// The key.
    pub key: ApiKey,
    /// The principal that its owner acts as.
    pub principal: Principal,
    /// Whether its owner may not log in.
    pub is_disabled: bool,
}

impl OwnedApiKey {
    /// The caller that shows this key.
    pub(super) fn caller(&self, now: OffsetDateTime) -> Result<Caller, TokenRefused> {
        if self.is_disabled {
            return Err(TokenRefused::Invalid);
        }
        if self.key.expires_at <= now {
            return Err(TokenRefused::Expired);
        }
        let role = self.principal.role().permissions();
        Ok(Caller {
            account_id: self.key.account_id,
            principal: self.principal,
            permissions: role
                .intersection(self.key.scopes)
                .without(Permission::NEVER_GRANTED),
            credential: Credential::ApiKey(self.key.id),
            origin: None,
        })
    }
}

/// The secret of a key: 32 random bytes. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret([Secret; 2]);

impl ApiKeySecret {
    pub(super) const fn new(random: [Secret; 2]) -> Self {
        Self(random)
    }

    /// Reads a secret; `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_first_chunk()?;
        Some(Self([*first, second.try_into().ok()?]))
    }

    /// The secret in clear, only for the key's owner.
    #[must_use]
    pub fn expose(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// The hash of the secret.
    #[must_use]
    pub(super) fn hash(&self) -> TokenHash {
        TokenHash::of(&[b"key", &self.expose()])
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySecret(…)")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::fixtures::{account_id, name, now};

    /// A key of somebody of the shop that may read and write orders, and erase customers.
    pub(in super::super) fn owned(secret: &ApiKeySecret) -> OwnedApiKey {
        OwnedApiKey {
            key: ApiKey {
                id: ApiKeyId::new(uuid::Uuid::from_u128(9)),
                account_id: account_id(1),
                name: name("ERP"),
                scopes: Permissions::of(&[
                    Permission::OrdersRead,
                    Permission::OrdersWrite,
                    Permission::CustomersErase,
                ]),
                created_at: now(),
                expires_at: now() + Duration::DAY,
                used_at: None,
                secret: secret.hash(),
            },
            principal: Principal::Staff,
            is_disabled: false,
        }
    }

    #[test]
    fn a_key_may_do_what_both_its_scopes_and_its_owners_role_allow() {
        let owned = owned(&ApiKeySecret::new([[1; 16]; 2]));
        let may: Vec<_> = owned.caller(now()).unwrap().permissions.iter().collect();
        // Nobody of the staff may erase customers.
        assert_eq!(may, [Permission::OrdersRead, Permission::OrdersWrite]);
    }

    #[test]
    fn no_key_manages_accounts_even_if_it_is_stored_so() {
        let mut owned = owned(&ApiKeySecret::new([[1; 16]; 2]));
        owned.principal = Principal::Admin;
        owned.key.scopes = Permissions::of(&[Permission::UsersRead, Permission::UsersWrite]);
        let may: Vec<_> = owned.caller(now()).unwrap().permissions.iter().collect();
        assert_eq!(may, [Permission::UsersRead]);
    }

    #[test]
    fn a_key_ends_with_its_time_and_with_its_owner() {
        let owned = owned(&ApiKeySecret::new([[1; 16]; 2]));
        let end = now() + Duration::DAY;
        assert!(owned.caller(end - Duration::MICROSECOND).is_ok());
        assert_eq!(owned.caller(end), Err(TokenRefused::Expired));
        let disabled = OwnedApiKey {
            is_disabled: true,
            ..owned
        };
        assert_eq!(disabled.caller(now()), Err(TokenRefused::Invalid));
    }

    #[test]
    fn a_secret_is_read_as_it_was_told_and_does_not_print() {
        let secret = ApiKeySecret::new([[1; 16], [2; 16]]);
        let told = secret.expose();
        assert_eq!(ApiKeySecret::from_bytes(&told), Some(secret.clone()));
        assert_eq!(ApiKeySecret::from_bytes(&told[1..]), None);
        assert_eq!(format!("{secret:?}"), "ApiKeySecret(…)");
    }

    #[test]
    fn a_key_lives_a_day_to_a_year() {
        for (days, is_good) in [(0, false), (1, true), (366, true), (367, false)] {
            assert_eq!(KeyLife::parse(days).is_ok(), is_good, "{days}");
        }
    }
}
