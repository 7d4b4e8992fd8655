//! The use cases of sessions against mocked ports.

use std::time::Duration as StdDuration;

use time::Duration;
use uuid::Uuid;

use super::*;
use crate::{
    fixtures::{account, actor, clock, device, ids, live_credentials, now, storage_is_down},
    identity::{MockSecretSource, MockSessionRepository, MockTokenIssuer, Principal, Session},
    unit_of_work::MockUnitOfWork,
};

const LIFETIME: SessionLifetime = SessionLifetime {
    idle: Duration::days(7),
    total: Duration::days(30),
};

fn service(sessions: MockSessionRepository) -> SessionService {
    let mut secrets = MockSecretSource::new();
    secrets.expect_secret().returning(|| Ok([7; 16]));
    let mut tokens = MockTokenIssuer::new();
    tokens.expect_issue().returning(|_| {
        Ok(AccessToken {
            token: "access".to_owned(),
            expires_in: StdDuration::from_mins(15),
        })
    });
    SessionService::new(
        Arc::new(sessions),
        live_credentials(),
        Arc::new(tokens),
        Arc::new(secrets),
        (clock(), ids()),
        LIFETIME,
    )
}

fn session() -> (Session, RefreshToken) {
    let id = SessionId::new(Uuid::from_u128(7));
    let secrets = ([1; 16], [2; 16]);
    let account = account(Principal::Staff).id;
    Session::begin(id, account, device(), secrets, now(), LIFETIME)
}

/// A storage that has this session, and that takes a change for which this holds.
fn storing(session: Session, takes: fn(&SessionChange) -> bool) -> MockSessionRepository {
    let mut sessions = MockSessionRepository::new();
    let found = session.clone();
    sessions
        .expect_find()
        .returning(move |_| Ok(Some(found.clone())));
    sessions.expect_open().times(1).returning(move |_| {
        let mut unit = MockUnitOfWork::new();
        unit.expect_commit()
            .withf(takes)
            .times(1)
            .returning(|_| Ok(()));
        Ok(Some(Opened {
            state: OpenedSession {
                session: session.clone(),
                principal: Principal::Staff,
            },
            unit: Box::new(unit),
        }))
    });
    sessions
}

#[tokio::test]
async fn a_refresh_token_is_replaced_in_storage_before_the_next_one_is_told() {
    let (session, token) = session();
    let rotates = |change: &SessionChange| matches!(change, SessionChange::Rotated(_));
    let tokens = service(storing(session, rotates)).refresh(&token).await;
    assert_ne!(tokens.unwrap().refresh, token);
}

#[tokio::test]
async fn nothing_is_told_when_the_rotation_was_not_stored() {
    let (session, token) = session();
    let mut sessions = MockSessionRepository::new();
    let found = session.clone();
    sessions
        .expect_find()
        .returning(move |_| Ok(Some(found.clone())));
    sessions.expect_open().returning(move |_| {
        let mut unit = MockUnitOfWork::new();
        unit.expect_commit()
            .returning(|_| Err(storage_is_down().into()));
        Ok(Some(Opened {
            state: OpenedSession {
                session: session.clone(),
                principal: Principal::Staff,
            },
            unit: Box::new(unit),
        }))
    });
    let refreshed = service(sessions).refresh(&token).await;
    assert!(matches!(refreshed, Err(SessionError::Storage(_))));
}

#[tokio::test]
async fn a_token_that_was_used_before_ends_its_session() {
    let (first, old) = session();
    let mut session = first;
    let mut token = old.clone();
    for _ in 0..2 {
        let Presented::Current {
            session: next,
            next: token_after,
        } = session.present(&token, [3; 16], now(), LIFETIME)
        else {
            panic!("it is the current one");
        };
        (session, token) = (*next, token_after);
    }
    let ends = |change: &SessionChange| matches!(change, SessionChange::Ended(_));
    let refreshed = service(storing(session, ends)).refresh(&old).await;
    assert!(matches!(refreshed, Err(SessionError::TokenReused)));
}

#[tokio::test]
async fn a_token_of_no_session_and_one_that_never_was_lock_nothing() {
    let (known, token) = session();
    let forged = RefreshToken::new(known.id, [3; 16], [2; 16]);
    for (found, token) in [(None, token), (Some(known), forged)] {
        let mut sessions = MockSessionRepository::new();
        sessions.expect_find().returning(move |_| Ok(found.clone()));
        let refreshed = service(sessions).refresh(&token).await;
        assert!(matches!(refreshed, Err(SessionError::InvalidToken)));
    }
}

#[tokio::test]
async fn no_session_begins_for_an_account_that_has_changed_meanwhile() {
    let mut sessions = MockSessionRepository::new();
    sessions.expect_insert().returning(|_, _, _| Ok(false));
    let account = account(Principal::Staff);
    let begun = service(sessions).begin(&account, device(), &actor(1)).await;
    assert!(matches!(begun, Err(SessionError::AccountChanged)));
}
