//! Sessions: what a login begins. A short access token proves who calls, and a refresh token, which
//! is replaced at every use, gets the next one.

mod live;
mod ports;
mod service;
mod session;
mod token;

pub use live::LiveCredentials;
pub(super) use live::Reading;
pub use ports::{
    OpenedSession, Revocations, Revoked, RevokedSince, RevokedUpTo, SessionChange,
    SessionRepository,
};
pub use service::{SessionError, SessionService, Tokens};
pub use session::{Device, Rotation, Session, SessionId, SessionLifetime};
pub use token::{RefreshToken, TokenHash};

#[cfg(test)]
pub(crate) use ports::{MockRevocations, MockSessionRepository};
