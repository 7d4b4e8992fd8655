//! What is known of sessions, by moments of a clock that the test moves.

use mockall::{Sequence, predicate::eq};

use super::*;
use crate::{
    fixtures::{MovingClock, now, storage_is_down},
    identity::{MockRevocations, Revoked},
};

fn session(n: u128) -> SessionId {
    SessionId::new(Uuid::from_u128(n))
}

fn revoked(ids: &[u128], up_to: u64) -> Revoked {
    Revoked {
        ids: ids.iter().copied().map(Uuid::from_u128).collect(),
        up_to: RevokedUpTo(up_to),
    }
}

/// With everything whose tokens may still be valid.
fn at_first() -> RevokedSince {
    RevokedSince::Moment(now() - Duration::DAY - CLOCK_SKEW)
}

fn behind(up_to: u64) -> RevokedSince {
    RevokedSince::Reading(RevokedUpTo(up_to))
}

fn live(revocations: MockRevocations) -> (LiveCredentials, Arc<MovingClock>) {
    let clock = Arc::new(MovingClock::default());
    let live = LiveCredentials::new(Arc::new(revocations), clock.clone());
    (live, clock)
}

#[tokio::test]
async fn what_was_heard_to_have_ended_has_ended_and_nothing_is_asked_for_the_rest() {
    let mut revocations = MockRevocations::new();
    revocations
        .expect_since()
        .withf(|since| *since == at_first())
        .times(1)
        .returning(|_| Ok(revoked(&[1], 5)));
    revocations
        .expect_since()
        .with(eq(behind(5)))
        .times(1)
        .returning(|_| Ok(revoked(&[2], 9)));
    let (live, _) = live(revocations);
    live.listen().await.unwrap();
    assert!(!live.is_live(session(1)).await.unwrap());
    assert!(live.is_live(session(2)).await.unwrap());
    live.listen().await.unwrap();
    for n in [1, 2] {
        assert!(!live.is_live(session(n)).await.unwrap());
    }
}

#[tokio::test]
async fn a_silent_storage_is_asked_for_each_session_and_nothing_is_taken_on_faith() {
    let mut revocations = MockRevocations::new();
    revocations
        .expect_since()
        .returning(|_| Ok(revoked(&[], 5)));
    revocations
        .expect_is_live()
        .times(1)
        .returning(|id| Ok(id == session(1)));
    revocations
        .expect_is_live()
        .times(3)
        .returning(|_| Err(storage_is_down()));
    let (live, clock) = live(revocations);
    // Nothing was heard yet.
    assert!(live.is_live(session(1)).await.unwrap());
    live.listen().await.unwrap();
    *clock.0.lock().unwrap() = Duration::seconds(10);
    assert!(live.is_live(session(1)).await.unwrap());
    // Too long ago, a moment too long, and from a future that has not come.
    for silent in [3_600_000, 10_001, -1] {
        *clock.0.lock().unwrap() = Duration::milliseconds(silent);
        assert!(live.is_live(session(1)).await.is_err());
    }
    live.listen().await.unwrap();
    assert!(live.is_live(session(1)).await.unwrap());
}

#[tokio::test]
async fn a_reading_that_fails_loses_nothing() {
    let mut revocations = MockRevocations::new();
    let mut readings = [Ok(revoked(&[1], 5)), Err(()), Ok(revoked(&[2], 7))].into_iter();
    revocations
        .expect_since()
        .withf(|since| [at_first(), behind(5)].contains(since))
        .returning(move |_| readings.next().unwrap().map_err(|()| storage_is_down()));
    let (live, _) = live(revocations);
    live.listen().await.unwrap();
    assert!(live.listen().await.is_err());
    live.listen().await.unwrap();
    for n in [1, 2] {
        assert!(!live.is_live(session(n)).await.unwrap());
    }
}

#[tokio::test]
async fn a_storage_that_went_back_is_read_from_its_beginning() {
    let mut revocations = MockRevocations::new();
    let mut sequence = Sequence::new();
    for (asked, told) in [(at_first(), 9), (behind(9), 4), (at_first(), 4)] {
        revocations
            .expect_since()
            .with(eq(asked))
            .times(1)
            .in_sequence(&mut sequence)
            .returning(move |_| Ok(revoked(&[], told)));
    }
    let (live, _) = live(revocations);
    for _ in 0..3 {
        live.listen().await.unwrap();
    }
}

#[tokio::test]
async fn what_ended_is_remembered_for_as_long_as_its_tokens_are_valid_and_not_for_ever() {
    let mut revocations = MockRevocations::new();
    let mut news = [revoked(&[1], 5), revoked(&[], 5), revoked(&[], 5)].into_iter();
    revocations
        .expect_since()
        .returning(move |_| Ok(news.next().unwrap()));
    let (live, clock) = live(revocations);
    live.listen().await.unwrap();
    let until = TOKENS_LIVE + CLOCK_SKEW;
    for (later, is_remembered) in [(until, true), (until + Duration::MICROSECOND, false)] {
        *clock.0.lock().unwrap() = later;
        live.listen().await.unwrap();
        let is_known = live.read(|known, _| known.was_revoked(Uuid::from_u128(1)));
        assert_eq!(is_known, is_remembered);
    }
}

#[tokio::test]
async fn what_was_looked_up_holds_until_a_later_reading_tells_otherwise() {
    let mut revocations = MockRevocations::new();
    let mut news = [revoked(&[1], 5), revoked(&[2], 6)].into_iter();
    revocations
        .expect_since()
        .returning(move |_| Ok(news.next().unwrap()));
    let (live, clock) = live(revocations);
    assert_eq!(live.reading(), None);
    live.listen().await.unwrap();
    let looked_up = live.reading().unwrap();
    let holds = |n| live.holds(Uuid::from_u128(n), looked_up);
    // The first was looked up after it was told, and what was found is the latest.
    assert!(holds(1) && holds(2));
    live.listen().await.unwrap();
    assert!(holds(1) && !holds(2));
    *clock.0.lock().unwrap() = MAX_SILENCE + Duration::MICROSECOND;
    assert!(!holds(1) && live.reading().is_none());
}
