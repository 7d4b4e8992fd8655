//! Accounts: who may log in.

use time::OffsetDateTime;

use super::{Actor, PasswordHash, Principal, Session, ShopRole, TokenHash};
use crate::values::{Email, Version, id::id};

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
    /// Since when nobody may log in, in UTC; `None` when they may.
    pub disabled_at: Option<OffsetDateTime>,
    /// The version of the account, but for when its password was hashed anew.
    pub version: Version,
}

/// The fields of an account that get another value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountEdit {
    /// The new role.
    pub role: Option<ShopRole>,
    /// Whether nobody may log in.
    pub disabled: Option<bool>,
}

/// What storage has to write of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// The account has another password. Its sessions end, and no token to reset it is good any more.
    Password {
        /// The account as it is now.
        account: Account,
        /// A session that begins then.
        session: Option<Box<Session>>,
        /// Who set it.
        by: Actor,
        /// When, in UTC.
        at: OffsetDateTime,
    },
    /// The account has another role, or was disabled or enabled. Its sessions end, and no token to
    /// reset its password is good any more.
    Standing {
        /// The account as it is now.
        account: Account,
        /// Who changed it.
        by: Actor,
        /// When, in UTC.
        at: OffsetDateTime,
    },
    /// Whoever has this token may set a password, once and instead of any other.
    ResetOffered {
        /// The account and the token.
        reset: PasswordReset,
        /// Who offers it.
        by: Actor,
        /// When, in UTC.
        at: OffsetDateTime,
    },
}

/// A permission to set the password of an account, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordReset {
    /// The account.
    pub account_id: AccountId,
    /// The hash of the token.
    pub token: TokenHash,
    /// Until when, in UTC.
    pub expires_at: OffsetDateTime,
}

/// Why an account was not edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotEdited {
    /// It is a customer's, which stays one.
    RoleOfCustomer,
    /// Nobody could run the shop.
    LastAdmin,
}

impl Account {
    /// The account with this password.
    #[must_use]
    pub(super) fn with_password(&self, password_hash: PasswordHash) -> Self {
        Self {
            password_hash,
            version: self.version.next(),
            ..self.clone()
        }
    }

    /// The account after an edit, beside this many other administrators who may log in; `None` when
    /// the edit changes nothing.
    pub(super) fn edited(
        &self,
        edit: AccountEdit,
        now: OffsetDateTime,
        other_admins: usize,
    ) -> Result<Option<Self>, NotEdited> {
        let mut edited = self.clone();
        if let Some(role) = edit.role {
            if self.principal.customer_id().is_some() {
                return Err(NotEdited::RoleOfCustomer);
            }
            edited.principal = role.into();
        }
        edited.disabled_at = match edit.disabled {
            Some(true) => self.disabled_at.or(Some(now)),
            Some(false) => None,
            None => self.disabled_at,
        };
        if edited == *self {
            return Ok(None);
        }
        if self.is_acting_admin() && !edited.is_acting_admin() && other_admins == 0 {
            return Err(NotEdited::LastAdmin);
        }
        edited.version = self.version.next();
        Ok(Some(edited))
    }

    /// Whether somebody can run the shop with this account.
    fn is_acting_admin(&self) -> bool {
        self.principal == Principal::Admin && self.disabled_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::fixtures::{account, customer_id, now};

    fn edit(role: Option<ShopRole>, disabled: Option<bool>) -> AccountEdit {
        AccountEdit { role, disabled }
    }

    #[test]
    fn the_last_who_can_run_the_shop_goes_on_doing_so() {
        let admin = account(Principal::Admin);
        let staff = edit(Some(ShopRole::Staff), None);
        let disabled = edit(None, Some(true));
        for edit in [staff, disabled, edit(Some(ShopRole::Staff), Some(true))] {
            assert_eq!(admin.edited(edit, now(), 0), Err(NotEdited::LastAdmin));
            assert!(admin.edited(edit, now(), 1).unwrap().is_some());
        }
        // Whoever is disabled runs nothing.
        let disabled = admin.edited(disabled, now(), 1).unwrap().unwrap();
        assert!(disabled.edited(staff, now(), 0).unwrap().is_some());
    }

    #[test]
    fn an_edit_that_changes_nothing_is_none() {
        let staff = account(Principal::Staff);
        for same in [
            AccountEdit::default(),
            edit(Some(ShopRole::Staff), Some(false)),
        ] {
            assert_eq!(staff.edited(same, now(), 0), Ok(None));
        }
        let disabled = staff.edited(edit(None, Some(true)), now(), 0);
        let disabled = disabled.unwrap().unwrap();
        let later = now() + Duration::HOUR;
        assert_eq!(disabled.edited(edit(None, Some(true)), later, 0), Ok(None));
        assert_eq!(disabled.disabled_at, Some(now()));
    }

    #[test]
    fn a_customer_stays_one() {
        let ana = account(Principal::Customer(customer_id(1)));
        let promoted = ana.edited(edit(Some(ShopRole::Admin), None), now(), 1);
        assert_eq!(promoted, Err(NotEdited::RoleOfCustomer));
        let disabled = ana.edited(edit(None, Some(true)), now(), 1);
        assert!(disabled.unwrap().unwrap().disabled_at.is_some());
    }
}
