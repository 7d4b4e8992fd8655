//! Accounts, on the wire.

use domain::{
    customers::CustomerId,
    identity::{
        Account, AccountEdit, AccountsFilter, NewAccount, Password, ResetToken, Role, ShopRole,
    },
    values::Email,
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{Replaced, input},
    tokens::write_reset,
    wire::own_role,
};

input! {
    /// An account for one of the shop's people.
    pub(crate) struct NewUser {
        /// The address to log in with; no two accounts have the same one, whatever its case.
        email: Email = "bia@example.com",
        /// What the account may do.
        role: ShopRole,
        /// Without a password nobody can log in until one is set with the token of
        /// `/users/{id}/password-reset`.
        password: Option<Password>,
    }
}

impl From<NewUser> for NewAccount {
    fn from(new: NewUser) -> Self {
        Self {
            email: new.email,
            role: new.role,
            password: new.password,
        }
    }
}

input! {
    /// The fields of an account that get another value (JSON Merge Patch, RFC 7396).
    pub(crate) struct UserPatch {
        /// What the account may do. A customer's account stays one.
        role: Replaced<ShopRole>,
        /// Whether nobody may log in.
        disabled: Replaced<bool>,
    }
}

impl From<UserPatch> for AccountEdit {
    fn from(patch: UserPatch) -> Self {
        Self {
            role: patch.role.0,
            disabled: patch.disabled.0,
        }
    }
}

input! {
    /// Which accounts are asked for.
    pub(crate) struct UsersParameters {
        /// Only the account with this email address, in whatever case.
        email: Option<Email>,
        /// Only accounts with this role.
        role: Option<Role>,
    }
}

impl From<UsersParameters> for AccountsFilter {
    fn from(parameters: UsersParameters) -> Self {
        Self {
            email: parameters.email,
            role: parameters.role,
        }
    }
}

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b9",
    "email": "bia@example.com",
    "role": "staff",
    "customer_id": null,
    "disabled": false,
    "created_at": "2026-11-23T12:00:00.123456Z",
}))]
pub(crate) struct User {
    id: Uuid,
    /// The address that it logs in with.
    email: String,
    #[schema(schema_with = own_role)]
    role: &'static str,
    /// The customer whose account it is; `null` for the shop's people.
    #[schema(required)]
    customer_id: Option<Uuid>,
    /// Whether nobody may log in.
    disabled: bool,
    /// When it was created, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<&Account> for User {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.as_uuid(),
            email: account.email.as_str().to_owned(),
            role: account.principal.role().as_str(),
            customer_id: account.principal.customer_id().map(CustomerId::as_uuid),
            disabled: account.disabled_at.is_some(),
            created_at: account.created_at,
        }
    }
}

/// A token with which somebody sets the password of an account, once.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "token": "blp_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
    "expires_at": "2026-11-23T13:00:00.123456Z",
}))]
pub(crate) struct OfferedReset {
    /// What to send to `/auth/password-reset`.
    token: String,
    /// Until when it is good, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl OfferedReset {
    pub(crate) fn new((token, expires_at): (ResetToken, OffsetDateTime)) -> Self {
        Self {
            token: write_reset(&token),
            expires_at,
        }
    }
}
