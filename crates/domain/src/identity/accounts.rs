//! Accounts: the shop's people, and new passwords for everybody. A customer's account is created with
//! its customer: see [`crate::customers::CustomerService`].

use std::{fmt, sync::Arc};

use thiserror::Error;
use time::{Duration, OffsetDateTime};

use super::{
    Account, AccountChange, AccountChanges, AccountEdit, AccountId, AccountRepository, Actor,
    AmongAdmins, Caller, ClientAddress, Forbidden, InsertAccountError, LiveCredentials, NoSecret,
    Origin, Password, PasswordHash, PasswordHasher, PasswordHasherError, PasswordReset, Permission,
    Requester, Role, Secret, SecretSource, ShopRole, TokenHash, account::NotEdited,
};
use crate::{
    Clock, IdSource, StorageError,
    unit_of_work::{Opened, UnitOfWork},
    values::{Email, Expected, Page, PageRequest, Version},
};

/// Creates, lists and changes accounts.
pub struct AccountService {
    accounts: Arc<dyn AccountRepository>,
    changes: Arc<dyn AccountChanges>,
    live: Arc<LiveCredentials>,
    passwords: Arc<dyn PasswordHasher>,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// An account to be created for one of the shop's people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// What is typed to log in.
    pub email: Email,
    /// What it may do.
    pub role: ShopRole,
    /// The password; without one, nobody can log in until it is reset.
    pub password: Option<Password>,
}

/// Which accounts a list contains: those for which all of this is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountsFilter {
    /// They log in with this address, in whatever case.
    pub email: Option<Email>,
    /// They have this role.
    pub role: Option<Role>,
}

/// The token of a [`PasswordReset`]. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct ResetToken([Secret; 2]);

/// How long a token to reset a password is good.
const RESET_LIVES: Duration = Duration::HOUR;

/// Why an account was not created, listed or changed.
#[derive(Debug, Error)]
pub enum AccountError {
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// The account has changed since the caller read it.
    #[error("the account has changed since it was read")]
    Stale,
    /// Another account has this address.
    #[error("the email address is taken")]
    EmailTaken,
    /// The account is a customer's, and its role cannot be changed.
    #[error("a customer's account stays one")]
    RoleOfCustomer,
    /// Nobody could run the shop.
    #[error("this is the last administrator")]
    LastAdmin,
    /// The token to reset the password is none, or was used or replaced, or has expired.
    #[error("the token to reset the password is not valid")]
    InvalidToken,
    /// The password could not be hashed.
    #[error(transparent)]
    Passwords(#[from] PasswordHasherError),
    /// No token could be made.
    #[error(transparent)]
    Secret(#[from] NoSecret),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AccountService {
    /// Stores accounts in `accounts`, and changes them through `changes`.
    #[must_use]
    pub fn new(
        (accounts, changes): (Arc<dyn AccountRepository>, Arc<dyn AccountChanges>),
        live: Arc<LiveCredentials>,
        passwords: Arc<dyn PasswordHasher>,
        secrets: Arc<dyn SecretSource>,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn IdSource>),
    ) -> Self {
        Self {
            accounts,
            changes,
            live,
            passwords,
            secrets,
            clock,
            ids,
        }
    }

    /// Creates an account for somebody who runs the shop or works in it.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `EmailTaken`, `Passwords`, `Secret`, or `Storage`.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewAccount,
        from: ClientAddress,
    ) -> Result<Account, AccountError> {
        caller.must_have(Permission::UsersWrite)?;
        let password = match new.password {
            Some(password) => password,
            None => self.unknown_password()?,
        };
        let account = Account {
            id: AccountId::new(self.ids.next_id()),
            email: new.email,
            password_hash: self.hash(password, from).await?,
            principal: new.role.into(),
            created_at: self.clock.now(),
            disabled_at: None,
            version: Version::FIRST,
        };
        match self.accounts.insert(&account, &caller.into()).await {
            Ok(()) => Ok(account),
            Err(InsertAccountError::EmailTaken) => Err(AccountError::EmailTaken),
            Err(InsertAccountError::Storage(error)) => Err(error.into()),
        }
    }

    /// A page of the accounts that the filter describes, the latest first.
    ///
    /// # Errors
    ///
    /// `Forbidden`, or `Storage`.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &AccountsFilter,
        page: &PageRequest,
    ) -> Result<Page<Account>, AccountError> {
        caller.must_have(Permission::UsersRead)?;
        Ok(self.accounts.page(filter, page).await?)
    }

    /// The account with this id.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, or `Storage`.
    pub async fn get(&self, caller: &Caller, id: AccountId) -> Result<Account, AccountError> {
        caller.must_have(Permission::UsersRead)?;
        let found = self.accounts.find(id).await?;
        found.ok_or(AccountError::NotFound)
    }

    /// The caller's own account, if it still is there.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn own(&self, caller: &Caller) -> Result<Option<Account>, StorageError> {
        self.accounts.find(caller.account_id).await
    }

    /// Changes the role of an account, or disables or enables it, and ends its sessions. An edit that
    /// changes nothing writes nothing.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Stale`, `RoleOfCustomer`, `LastAdmin`, or `Storage`.
    pub async fn edit(
        &self,
        caller: &Caller,
        id: AccountId,
        edit: AccountEdit,
        expected: &Expected,
    ) -> Result<Account, AccountError> {
        caller.must_have(Permission::UsersWrite)?;
        let opened = self.changes.open_among_admins(id).await?;
        let Opened { state, unit } = opened.ok_or(AccountError::NotFound)?;
        let AmongAdmins {
            account,
            other_admins,
        } = state;
        if !expected.allows(&account.version) {
            unit.abandon().await?;
            return Err(AccountError::Stale);
        }
        match account.edited(edit, self.clock.now(), other_admins) {
            Ok(Some(edited)) => {
                let change = AccountChange::Standing {
                    account: edited.clone(),
                    by: caller.into(),
                    at: self.clock.now(),
                };
                self.commit(unit, &change).await?;
                Ok(edited)
            }
            Ok(None) => {
                unit.abandon().await?;
                Ok(account)
            }
            Err(refused) => {
                unit.abandon().await?;
                Err(refused.into())
            }
        }
    }

    /// A token with which somebody sets the password of this account, once and within an hour. Tokens
    /// that were offered before are good no more.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Secret`, or `Storage`.
    pub async fn offer_reset(
        &self,
        caller: &Caller,
        id: AccountId,
    ) -> Result<(ResetToken, OffsetDateTime), AccountError> {
        caller.must_have(Permission::UsersWrite)?;
        let token = ResetToken([self.secrets.secret()?, self.secrets.secret()?]);
        let opened = self.changes.open(id).await?;
        let Opened { unit, .. } = opened.ok_or(AccountError::NotFound)?;
        let at = self.clock.now();
        let expires_at = at + RESET_LIVES;
        let offered = AccountChange::ResetOffered {
            reset: PasswordReset {
                account_id: id,
                token: token.hash(),
                expires_at,
            },
            by: caller.into(),
            at,
        };
        unit.commit(&offered).await.map_err(StorageError::from)?;
        Ok((token, expires_at))
    }

    /// Sets the password of the account for which this token was offered, and ends its sessions. The
    /// token is good no more.
    ///
    /// # Errors
    ///
    /// `InvalidToken`, `Passwords`, or `Storage`.
    pub async fn redeem_reset(
        &self,
        token: &ResetToken,
        password: Password,
        origin: Arc<Origin>,
    ) -> Result<(), AccountError> {
        let token = token.hash();
        // A password is only hashed for whoever has a token.
        if !self.changes.may_reset(&token, self.clock.now()).await? {
            return Err(AccountError::InvalidToken);
        }
        let hash = self.hash(password, origin.address).await?;
        let opened = self
            .changes
            .open_with_reset(&token, self.clock.now())
            .await?;
        let Opened { state, unit } = opened.ok_or(AccountError::InvalidToken)?;
        let by = Actor::owner(&state, Some(origin));
        self.set_password(unit, &state, hash, by).await
    }

    /// Gives an account another password, whoever's it is: of the shop or of a customer.
    ///
    /// # Errors
    ///
    /// `Forbidden`, `NotFound`, `Passwords`, or `Storage`.
    pub async fn reset_password(
        &self,
        caller: &Caller,
        email: &Email,
        password: Password,
    ) -> Result<Account, AccountError> {
        caller.must_have(Permission::UsersWrite)?;
        let account = self.accounts.find_by_email(email).await?;
        let account = account.ok_or(AccountError::NotFound)?;
        let hash = self.hash(password, ClientAddress::LOCAL).await?;
        let opened = self.changes.open(account.id).await?;
        let Opened { state, unit } = opened.ok_or(AccountError::NotFound)?;
        self.set_password(unit, &state, hash, caller.into()).await?;
        Ok(account)
    }

    async fn set_password(
        &self,
        unit: Box<dyn UnitOfWork<AccountChange>>,
        account: &Account,
        hash: PasswordHash,
        by: Actor,
    ) -> Result<(), AccountError> {
        let change = AccountChange::Password {
            account: account.with_password(hash),
            session: None,
            by,
            at: self.clock.now(),
        };
        self.commit(unit, &change).await
    }

    async fn commit(
        &self,
        unit: Box<dyn UnitOfWork<AccountChange>>,
        change: &AccountChange,
    ) -> Result<(), AccountError> {
        unit.commit(change).await.map_err(StorageError::from)?;
        self.live.hear_at_once().await;
        Ok(())
    }

    async fn hash(
        &self,
        password: Password,
        from: ClientAddress,
    ) -> Result<PasswordHash, PasswordHasherError> {
        self.passwords
            .hash(password, Requester::Address(from))
            .await
    }

    /// A password that nobody knows.
    fn unknown_password(&self) -> Result<Password, AccountError> {
        let hex = |secret: Secret| uuid::Uuid::from_bytes(secret).simple().to_string();
        let text = hex(self.secrets.secret()?) + &hex(self.secrets.secret()?);
        Password::parse(text).map_err(|error| StorageError::internal(error).into())
    }
}

impl ResetToken {
    /// Reads a token; `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_first_chunk()?;
        Some(Self([*first, second.try_into().ok()?]))
    }

    /// The token in clear, only for whoever is to have it.
    #[must_use]
    pub fn expose(&self) -> Vec<u8> {
        self.0.concat()
    }

    fn hash(&self) -> TokenHash {
        TokenHash::of(&[b"reset", &self.expose()])
    }
}

impl fmt::Debug for ResetToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResetToken(…)")
    }
}

impl From<NotEdited> for AccountError {
    fn from(error: NotEdited) -> Self {
        match error {
            NotEdited::RoleOfCustomer => Self::RoleOfCustomer,
            NotEdited::LastAdmin => Self::LastAdmin,
        }
    }
}

#[cfg(test)]
mod tests;
