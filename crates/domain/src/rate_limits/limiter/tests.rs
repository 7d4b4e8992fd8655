//! Who is refused, when, and what replicas tell each other.

use mockall::predicate::eq;

use super::{super::MockSharedCounts, *};
use crate::{fixtures::MovingClock, rate_limits::WINDOW};

const LIMIT: RateLimit = RateLimit {
    name: "test",
    requests: 32,
};

fn limiter(shared: Option<MockSharedCounts>) -> (RateLimiter, Arc<MovingClock>) {
    let clock = Arc::new(MovingClock::default());
    let shared = shared.map(|shared| -> Arc<dyn SharedCounts> { Arc::new(shared) });
    let limiter = RateLimiter::new(shared, clock.clone(), Secret::default());
    (limiter, clock)
}

/// Spends until it is refused, and returns how many were let through.
fn spend_all(limiter: &RateLimiter, caller: &[u8]) -> (u32, Exceeded) {
    (0..)
        .find_map(|spent| Some((spent, limiter.spend(LIMIT, caller).err()?)))
        .unwrap()
}

#[test]
fn who_sends_too_much_is_refused_until_it_has_waited_and_nobody_else_is() {
    let (limiter, clock) = limiter(None);
    let first = limiter.spend(LIMIT, b"ana").unwrap();
    assert_eq!(first.remaining, 31);
    let (spent, exceeded) = spend_all(&limiter, b"ana");
    assert_eq!((spent, exceeded.quota.remaining), (31, 0));
    assert!(limiter.spend(LIMIT, b"bia").is_ok());
    let other = RateLimit {
        name: "other",
        ..LIMIT
    };
    assert!(limiter.spend(other, b"ana").is_ok());
    *clock.0.lock().unwrap() += exceeded.retry_after - Duration::MICROSECOND;
    assert!(limiter.spend(LIMIT, b"ana").is_err());
    *clock.0.lock().unwrap() += Duration::MICROSECOND;
    assert!(limiter.spend(LIMIT, b"ana").is_ok());
}

#[test]
fn who_never_stops_gets_about_the_limit_in_each_minute() {
    let (limiter, clock) = limiter(None);
    for minute in 0..5 {
        let mut let_through = 0;
        for _ in 0..4 {
            *clock.0.lock().unwrap() += Duration::seconds(15);
            let_through += spend_all(&limiter, b"ana").0;
        }
        assert!((24..=40).contains(&let_through), "{minute}: {let_through}");
    }
}

#[tokio::test]
async fn what_others_have_counted_counts_here() {
    let mut shared = MockSharedCounts::new();
    shared.expect_add().times(1).returning(|_, told| {
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].count, 2);
        Some(vec![Counted {
            before: 0,
            current: 30,
        }])
    });
    let (limiter, _) = limiter(Some(shared));
    limiter.spend(LIMIT, b"ana").unwrap();
    limiter.spend(LIMIT, b"ana").unwrap();
    limiter.share().await;
    assert_eq!(spend_all(&limiter, b"ana").0, 2);
}

#[tokio::test]
async fn of_those_who_send_little_nobody_is_told() {
    let (limiter, _) = limiter(Some(MockSharedCounts::new()));
    limiter.spend(LIMIT, b"ana").unwrap();
    limiter.share().await;
}

#[tokio::test]
async fn what_could_not_be_told_is_told_the_next_time() {
    let mut shared = MockSharedCounts::new();
    shared.expect_add().times(1).returning(|_, _| None);
    shared.expect_add().times(1).returning(|_, told| {
        assert_eq!(told[0].count, 3);
        None
    });
    let (limiter, _) = limiter(Some(shared));
    limiter.spend(LIMIT, b"ana").unwrap();
    limiter.spend(LIMIT, b"ana").unwrap();
    limiter.share().await;
    limiter.spend(LIMIT, b"ana").unwrap();
    limiter.share().await;
    assert_eq!(spend_all(&limiter, b"ana").0, 29, "it counts for itself");
}

#[tokio::test]
async fn what_was_counted_in_a_window_that_is_over_is_not_told_for_the_next() {
    let mut shared = MockSharedCounts::new();
    let (number, left) = crate::rate_limits::window(crate::fixtures::now());
    shared
        .expect_add()
        .with(eq(number + 1), mockall::predicate::always())
        .times(1)
        .returning(|_, told| {
            assert_eq!(told[0].count, 1);
            None
        });
    let (limiter, clock) = limiter(Some(shared));
    for _ in 0..20 {
        limiter.spend(LIMIT, b"ana").unwrap();
    }
    *clock.0.lock().unwrap() += left + WINDOW / 2;
    limiter.spend(LIMIT, b"ana").unwrap();
    limiter.share().await;
}

#[test]
fn memory_is_bounded_however_many_callers_there_are() {
    let (limiter, _) = limiter(None);
    for caller in 0..MAX_KEYS + 10 {
        limiter.spend(LIMIT, &caller.to_be_bytes()).unwrap();
    }
    assert!(limiter.lock().len() <= MAX_KEYS);
}
