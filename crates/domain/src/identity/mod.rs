//! Identity: accounts, what they may do, and how they prove who they are.

mod account;
mod accounts;
mod actor;
mod caller;
mod client_address;
mod failed_attempts;
mod login;
mod passwords;
mod ports;
mod recent;
mod role;

pub use account::{Account, AccountId};
pub use accounts::{AccountError, AccountService};
pub use actor::Actor;
pub use caller::{Caller, Forbidden, Permission, Permissions};
pub use client_address::ClientAddress;
pub use login::{AuthError, AuthService};
pub use passwords::{
    Password, PasswordCheck, PasswordHash, PasswordHasher, PasswordHasherError, Requester, Verdict,
};
pub use ports::{
    AccessToken, AccountRepository, AuthenticationError, Authenticator, InsertAccountError,
    TokenIssuer, TokenNotIssued,
};
pub use role::{Principal, Role};

#[cfg(test)]
pub(crate) use {
    passwords::MockPasswordHasher,
    ports::{MockAccountRepository, MockTokenIssuer},
};
