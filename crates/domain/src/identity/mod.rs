//! Identity: accounts, what they may do, and how they prove who they are.

mod account;
mod accounts;
mod actor;
mod api_keys;
mod authentication;
mod caller;
mod client_address;
mod credential;
mod failed_attempts;
mod login;
mod passwords;
mod ports;
mod recent;
mod role;
mod sessions;

pub use account::{Account, AccountChange, AccountEdit, AccountId, PasswordReset};
pub use accounts::{AccountError, AccountService, AccountsFilter, NewAccount, ResetToken};
pub use actor::{Actor, Origin};
pub use api_keys::{
    ApiKey, ApiKeyError, ApiKeyId, ApiKeyRepository, ApiKeySecret, ApiKeyService, KeyLife,
    KnownApiKeys, NewApiKey, OwnedApiKey,
};
pub use authentication::{AuthenticationError, AuthenticationService};
pub use caller::{Caller, Forbidden, NotLoggedIn, Permission, Permissions};
pub use client_address::ClientAddress;
pub use credential::Credential;
pub use failed_attempts::{FailedAttempts, FailedAttemptsHere, FailureLimit};
pub use login::{AuthError, AuthService};
pub use passwords::{
    Password, PasswordCheck, PasswordHash, PasswordHasher, PasswordHasherError, Requester, Verdict,
};
pub use ports::{
    AccessToken, AccountChanges, AccountRepository, AmongAdmins, InsertAccountError, NoSecret,
    Secret, SecretSource, TokenIssuer, TokenNotIssued, TokenRefused, TokenVerifier,
};
pub use role::{Principal, Role, ShopRole};
pub use sessions::{
    Device, LiveCredentials, OpenedSession, RefreshToken, Revocations, Revoked, RevokedSince,
    RevokedUpTo, Rotation, Session, SessionChange, SessionError, SessionId, SessionLifetime,
    SessionRepository, SessionService, TokenHash, Tokens,
};

#[cfg(test)]
pub(crate) use {
    api_keys::MockApiKeyRepository,
    passwords::MockPasswordHasher,
    ports::{
        MockAccountChanges, MockAccountRepository, MockSecretSource, MockTokenIssuer,
        MockTokenVerifier,
    },
    sessions::{MockRevocations, MockSessionRepository},
};
