//! The ports of sessions.

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Session, SessionId};
use crate::{
    StorageError,
    identity::{Account, AccountId, Actor, Principal},
    unit_of_work::Opened,
    values::{Page, PageRequest},
};

/// A locked session.
pub struct OpenedSession {
    /// The session.
    pub session: Session,
    /// The principal that its account acts as.
    pub principal: Principal,
}

/// What storage has to write of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionChange {
    /// The session goes on, with another refresh token.
    Rotated(Box<Session>),
    /// The session has ended.
    Ended(SessionId),
}

/// Stores sessions. However a session ends, with its account too, storage MUST tell it to
/// [`Revocations`].
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// Inserts a session of this account, unless the account is no longer what it was: then it
    /// returns `false`. This MUST also hold when the account changes at the same time.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn insert(
        &self,
        session: &Session,
        of: &Account,
        by: &Actor,
    ) -> Result<bool, StorageError>;

    /// The session with this id.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StorageError>;

    /// Locks a session to change it; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn open(
        &self,
        id: SessionId,
    ) -> Result<Option<Opened<OpenedSession, SessionChange>>, StorageError>;

    /// A page of the sessions of this account that have not expired, the latest first.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn page(
        &self,
        of: AccountId,
        now: OffsetDateTime,
        page: &PageRequest,
    ) -> Result<Page<Session>, StorageError>;

    /// Ends this session of this actor's account, or all of them, and returns how many have ended.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn end(
        &self,
        by: &Actor,
        id: Option<SessionId>,
        now: OffsetDateTime,
    ) -> Result<u64, StorageError>;

    /// Removes at most `limit` sessions that have expired, and as much of what was told of
    /// revocations before `forgotten`; returns how many entries were removed of the one of which
    /// there were more.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn remove_expired(
        &self,
        now: OffsetDateTime,
        forgotten: OffsetDateTime,
        limit: u32,
    ) -> Result<u64, StorageError>;
}

/// Where to begin reading what was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedSince {
    /// With what was revoked then.
    Moment(OffsetDateTime),
    /// Behind another reading.
    Reading(RevokedUpTo),
}

/// Up to which revocation somebody has read. Only storage reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevokedUpTo(pub u64);

/// What was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The ids of credentials; some of them may have been told before.
    pub ids: Vec<Uuid>,
    /// Where to go on reading.
    pub up_to: RevokedUpTo,
}

/// Tells which credentials were revoked.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Every revocation since then. None that was committed when this was asked MUST be missing, in
    /// whichever sequence they were committed.
    ///
    /// # Errors
    ///
    /// When storage fails, or does not answer within a second.
    async fn since(&self, since: RevokedSince) -> Result<Revoked, StorageError>;

    /// Whether this session has not ended.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn is_live(&self, id: SessionId) -> Result<bool, StorageError>;
}
