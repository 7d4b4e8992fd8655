//! Sessions, and what a refresh token that is presented means for its session.

use time::{Duration, OffsetDateTime};

use super::{RefreshToken, TokenHash};
use crate::{
    identity::{AccountId, ClientAddress, Secret},
    values::{UserAgent, id::id},
};

id!(
    /// Identifies a [`Session`].
    SessionId
);

/// A session: it begins with a login, and ends with a logout, with a change of its account, when its
/// tokens were stolen, or with time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id, which its access tokens name.
    pub id: SessionId,
    /// The account that logged in.
    pub account_id: AccountId,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When its refresh token was last replaced.
    pub used_at: OffsetDateTime,
    /// When it ends, unless it is used before.
    pub expires_at: OffsetDateTime,
    /// Where it began.
    pub device: Device,
    /// The hash of what all its refresh tokens have in common.
    pub family: TokenHash,
    /// The hash of its refresh token.
    pub token: TokenHash,
    /// How it came by that token; `None` when it is the first.
    pub rotation: Option<Rotation>,
}

/// Where a session began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The network address.
    pub address: ClientAddress,
    /// What the client calls itself.
    pub user_agent: Option<UserAgent>,
}

/// The last time that a refresh token was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The hash of the token that was replaced.
    pub replaced: TokenHash,
    /// What its successor was made with.
    pub salt: Secret,
}

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLifetime {
    /// How long a session lives without being used.
    pub idle: Duration,
    /// How long it lives at most.
    pub total: Duration,
}

/// For how long a token that was replaced still gets its successor: a client that lost the answer
/// asks again, and two windows of one browser ask at once.
const GRACE: Duration = Duration::seconds(10);

/// What a refresh token means for its session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// It is the session's. The session goes on with another one.
    Current {
        session: Box<Session>,
        next: RefreshToken,
    },
    /// It was replaced moments ago, by this one.
    Repeated { next: RefreshToken },
    /// It was replaced before that: somebody else has it too.
    Reused,
    /// It is none of the session's, or the session has expired.
    Unknown,
}

impl Session {
    /// A new session, and its refresh token.
    pub(in crate::identity) fn begin(
        id: SessionId,
        account_id: AccountId,
        device: Device,
        (family, own): (Secret, Secret),
        now: OffsetDateTime,
        lifetime: SessionLifetime,
    ) -> (Self, RefreshToken) {
        let token = RefreshToken::new(id, family, own);
        let session = Self {
            id,
            account_id,
            created_at: now,
            used_at: now,
            expires_at: lifetime.end(now, now),
            device,
            family: token.family_hash(),
            token: token.hash(),
            rotation: None,
        };
        (session, token)
    }

    /// Whether this is or was a token of this session.
    pub(super) fn knows(&self, token: &RefreshToken) -> bool {
        token.family_hash() == self.family
    }

    /// Decides what this token means.
    pub(super) fn present(
        &self,
        token: &RefreshToken,
        salt: Secret,
        now: OffsetDateTime,
        lifetime: SessionLifetime,
    ) -> Presented {
        if !self.knows(token) || self.expires_at <= now {
            return Presented::Unknown;
        }
        let hash = token.hash();
        if hash == self.token {
            let next = token.next(&salt);
            let session = Self {
                used_at: now,
                expires_at: lifetime.end(self.created_at, now),
                token: next.hash(),
                rotation: Some(Rotation {
                    replaced: hash,
                    salt,
                }),
                ..self.clone()
            };
            let session = Box::new(session);
            return Presented::Current { session, next };
        }
        match &self.rotation {
            Some(last) if last.replaced == hash && now - self.used_at <= GRACE => {
                Presented::Repeated {
                    next: token.next(&last.salt),
                }
            }
            _ => Presented::Reused,
        }
    }
}

impl SessionLifetime {
    /// When a session ends that began and was used then.
    fn end(self, began: OffsetDateTime, used: OffsetDateTime) -> OffsetDateTime {
        (used + self.idle).min(began + self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{account_id, device, now};

    const LIFETIME: SessionLifetime = SessionLifetime {
        idle: Duration::days(7),
        total: Duration::days(30),
    };
    const SALT: Secret = [9; 16];

    fn session() -> (Session, RefreshToken) {
        let id = SessionId::new(uuid::Uuid::from_u128(7));
        let secrets = ([1; 16], [2; 16]);
        Session::begin(id, account_id(1), device(), secrets, now(), LIFETIME)
    }

    fn rotated(
        session: &Session,
        token: &RefreshToken,
        at: OffsetDateTime,
    ) -> (Session, RefreshToken) {
        match session.present(token, SALT, at, LIFETIME) {
            Presented::Current { session, next } => (*session, next),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_is_replaced_at_every_use() {
        let (mut session, mut token) = session();
        for minute in 1..10 {
            let at = now() + Duration::minutes(minute);
            let (next_session, next) = rotated(&session, &token, at);
            assert_ne!(next, token);
            assert_eq!((next_session.used_at, next_session.id), (at, session.id));
            (session, token) = (next_session, next);
        }
    }

    #[test]
    fn whoever_lost_the_answer_gets_it_again_for_some_seconds() {
        let (session, first) = session();
        let (session, second) = rotated(&session, &first, now());
        let again = |after| session.present(&first, [5; 16], now() + after, LIFETIME);
        let next = second.clone();
        assert_eq!(again(Duration::ZERO), Presented::Repeated { next: second });
        assert_eq!(again(GRACE), Presented::Repeated { next });
        assert_eq!(again(GRACE + Duration::MICROSECOND), Presented::Reused);
    }

    #[test]
    fn a_token_from_before_the_last_one_was_stolen_however_new_it_is() {
        let (session, first) = session();
        let (session, second) = rotated(&session, &first, now());
        let (session, _) = rotated(&session, &second, now());
        let presented = session.present(&first, SALT, now(), LIFETIME);
        assert_eq!(presented, Presented::Reused);
    }

    #[test]
    fn a_token_that_never_was_ends_no_session() {
        let (session, token) = session();
        let forged = RefreshToken::new(token.session_id(), [3; 16], [2; 16]);
        let presented = session.present(&forged, SALT, now(), LIFETIME);
        assert_eq!(presented, Presented::Unknown);
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_at_last_even_when_it_is() {
        let (idle, token) = session();
        let in_time = now() + LIFETIME.idle - Duration::MICROSECOND;
        let _ = rotated(&idle, &token, in_time);
        let late = idle.present(&token, SALT, now() + LIFETIME.idle, LIFETIME);
        assert_eq!(late, Presented::Unknown);

        let (mut used, mut token) = session();
        for day in 1..30 {
            (used, token) = rotated(&used, &token, now() + Duration::days(day));
        }
        assert_eq!(used.expires_at, now() + LIFETIME.total);
    }
}
