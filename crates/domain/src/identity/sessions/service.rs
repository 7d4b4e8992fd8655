//! The use cases of sessions.

use std::sync::Arc;

use thiserror::Error;

use super::{
    Device, LiveCredentials, OpenedSession, RefreshToken, Session, SessionChange, SessionId,
    SessionLifetime, SessionRepository, session::Presented,
};
use crate::{
    Clock, IdSource, StorageError,
    identity::{
        AccessToken, Account, Actor, Caller, NoSecret, NotLoggedIn, SecretSource, TokenIssuer,
        TokenNotIssued,
    },
    unit_of_work::Opened,
    values::{Page, PageRequest},
};

/// Begins sessions, goes on with them and ends them.
pub struct SessionService {
    sessions: Arc<dyn SessionRepository>,
    live: Arc<LiveCredentials>,
    tokens: Arc<dyn TokenIssuer>,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    lifetime: SessionLifetime,
}

/// The tokens of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Proves who calls.
    pub access: AccessToken,
    /// Gets the next tokens, once.
    pub refresh: RefreshToken,
}

/// Why a session was not begun, continued or ended.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The caller has not logged in.
    #[error(transparent)]
    NotLoggedIn(#[from] NotLoggedIn),
    /// The refresh token is none, or its session has ended.
    #[error("the refresh token is not valid")]
    InvalidToken,
    /// The refresh token was used before: one of those who have it has stolen it. Its session has
    /// ended.
    #[error("the refresh token was used before")]
    TokenReused,
    /// The caller has no such session.
    #[error("there is no such session")]
    NotFound,
    /// The account has changed while its password was checked.
    #[error("the account has changed meanwhile")]
    AccountChanged,
    /// The access token could not be issued.
    #[error(transparent)]
    Token(#[from] TokenNotIssued),
    /// No refresh token could be made.
    #[error(transparent)]
    Secret(#[from] NoSecret),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl SessionService {
    /// Stores sessions in `sessions`.
    #[must_use]
    pub fn new(
        sessions: Arc<dyn SessionRepository>,
        live: Arc<LiveCredentials>,
        tokens: Arc<dyn TokenIssuer>,
        secrets: Arc<dyn SecretSource>,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn IdSource>),
        lifetime: SessionLifetime,
    ) -> Self {
        Self {
            sessions,
            live,
            tokens,
            secrets,
            clock,
            ids,
            lifetime,
        }
    }

    /// Begins a session of an account whose password was right.
    pub(in crate::identity) async fn begin(
        &self,
        account: &Account,
        device: Device,
        by: &Actor,
    ) -> Result<Tokens, SessionError> {
        let (session, refresh) = self.prepare(account, device)?;
        if !self.sessions.insert(&session, account, by).await? {
            return Err(SessionError::AccountChanged);
        }
        self.tokens(session.id, account, refresh)
    }

    /// A new session of this account, which is to be stored.
    pub(in crate::identity) fn prepare(
        &self,
        account: &Account,
        device: Device,
    ) -> Result<(Session, RefreshToken), NoSecret> {
        let id = SessionId::new(self.ids.next_id());
        let secrets = (self.secrets.secret()?, self.secrets.secret()?);
        let now = self.clock.now();
        Ok(Session::begin(
            id,
            account.id,
            device,
            secrets,
            now,
            self.lifetime,
        ))
    }

    /// The tokens of a session that is stored.
    pub(in crate::identity) fn tokens(
        &self,
        id: SessionId,
        account: &Account,
        refresh: RefreshToken,
    ) -> Result<Tokens, SessionError> {
        let caller = Caller::in_session(account.id, account.principal, id);
        Ok(Tokens {
            access: self.tokens.issue(&caller)?,
            refresh,
        })
    }

    /// Exchanges a refresh token for the next tokens of its session. A token is good once; a client
    /// that lost the answer gets it again for ten seconds. After that, whoever presents a token that
    /// was used ends the session: it was stolen, from them or by them (RFC 9700, section 4.14.2).
    ///
    /// # Errors
    ///
    /// `InvalidToken`, `TokenReused`, `Token`, `Secret`, or `Storage`.
    pub async fn refresh(&self, token: &RefreshToken) -> Result<Tokens, SessionError> {
        // What somebody made up locks nothing.
        let found = self.sessions.find(token.session_id()).await?;
        if !found.is_some_and(|session| session.knows(token)) {
            return Err(SessionError::InvalidToken);
        }
        let salt = self.secrets.secret()?;
        let opened = self.sessions.open(token.session_id()).await?;
        let Opened { state, unit } = opened.ok_or(SessionError::InvalidToken)?;
        let OpenedSession { session, principal } = state;
        let now = self.clock.now();
        let next = match session.present(token, salt, now, self.lifetime) {
            Presented::Current { session, next } => {
                let rotated = SessionChange::Rotated(session);
                unit.commit(&rotated).await.map_err(StorageError::from)?;
                next
            }
            Presented::Repeated { next } => {
                unit.abandon().await?;
                next
            }
            Presented::Reused => {
                let ended = SessionChange::Ended(session.id);
                unit.commit(&ended).await.map_err(StorageError::from)?;
                self.live.hear_at_once().await;
                return Err(SessionError::TokenReused);
            }
            Presented::Unknown => {
                unit.abandon().await?;
                return Err(SessionError::InvalidToken);
            }
        };
        let caller = Caller::in_session(session.account_id, principal, session.id);
        Ok(Tokens {
            access: self.tokens.issue(&caller)?,
            refresh: next,
        })
    }

    /// A page of the caller's sessions, the latest first.
    ///
    /// # Errors
    ///
    /// `NotLoggedIn`, or `Storage`.
    pub async fn list(
        &self,
        caller: &Caller,
        page: &PageRequest,
    ) -> Result<Page<Session>, SessionError> {
        caller.must_be_logged_in()?;
        let now = self.clock.now();
        Ok(self.sessions.page(caller.account_id, now, page).await?)
    }

    /// Ends the session that the caller is in.
    ///
    /// # Errors
    ///
    /// `NotLoggedIn`, `NotFound` when it has ended, or `Storage`.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), SessionError> {
        self.end(caller, caller.must_be_logged_in()?).await
    }

    /// Ends a session of the caller.
    ///
    /// # Errors
    ///
    /// `NotLoggedIn`, `NotFound`, or `Storage`.
    pub async fn end(&self, caller: &Caller, id: SessionId) -> Result<(), SessionError> {
        caller.must_be_logged_in()?;
        let (by, now) = (caller.into(), self.clock.now());
        let ended = self.sessions.end(&by, Some(id), now).await?;
        self.live.hear_at_once().await;
        if ended == 0 {
            return Err(SessionError::NotFound);
        }
        Ok(())
    }

    /// Ends all sessions of the caller.
    ///
    /// # Errors
    ///
    /// `NotLoggedIn`, or `Storage`.
    pub async fn end_all(&self, caller: &Caller) -> Result<(), SessionError> {
        caller.must_be_logged_in()?;
        let (by, now) = (caller.into(), self.clock.now());
        self.sessions.end(&by, None, now).await?;
        self.live.hear_at_once().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
