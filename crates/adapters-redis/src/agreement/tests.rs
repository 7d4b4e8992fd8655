//! What replicas have heard.

use std::sync::atomic::Ordering;

use super::*;
use crate::told::Told;

const HERE: &str = "@0123456789abcdef";
const THERE: &str = "@fedcba9876543210";

fn agreement() -> (Agreement, Arc<Told>) {
    let told = Arc::new(Told::default());
    let agreement = Agreement::new(Arc::<Told>::clone(&told));
    (agreement, told)
}

fn readable(agreement: &Agreement) -> Option<String> {
    agreement
        .readable(u64::MAX)
        .map(|server| server.to_string())
}

#[tokio::test]
async fn a_part_is_read_once_something_was_heard_and_as_long_as_nobody_has_closed_it() {
    let (agreement, told) = agreement();
    told.shares(1, CLUSTER);
    assert!(agreement.readable(1).is_none(), "nothing was heard yet");
    agreement.listen().await.unwrap();
    assert_eq!(agreement.readable(1).as_deref(), Some("1@"));
    told.closed.store(1, Ordering::SeqCst);
    agreement.listen().await.unwrap();
    assert!(agreement.readable(1).is_none());
    assert!(agreement.readable(2).is_some());
    assert!(!agreement.is_open());
}

#[tokio::test]
async fn what_was_heard_counts_for_a_second() {
    let (agreement, told) = agreement();
    told.shares(1, HERE);
    agreement.listen().await.unwrap();
    tokio::time::sleep(LEASE).await;
    assert!(agreement.readable(1).is_none());
    assert!(agreement.last_server().is_some());
    assert!(agreement.writable().await.is_some(), "it is asked for");
    assert!(agreement.readable(1).is_some());
}

#[tokio::test]
async fn the_first_server_is_used_at_once() {
    let (agreement, told) = agreement();
    agreement.listen().await.unwrap();
    assert!(agreement.is_missing());
    assert!(readable(&agreement).is_none());
    assert!(agreement.is_shared(HERE).await.unwrap());
    assert_eq!(readable(&agreement), Some(format!("1{HERE}")));
    assert_eq!(told.words(), ["share"]);
}

#[tokio::test]
async fn another_server_is_used_once_every_replica_has_left_the_one_before() {
    let (agreement, told) = agreement();
    assert!(agreement.is_shared(HERE).await.unwrap());
    let told_at = Instant::now();
    assert!(!agreement.is_shared(THERE).await.unwrap());
    assert!(readable(&agreement).is_none());
    assert!(agreement.writable().await.is_none());
    while !agreement.is_shared(THERE).await.unwrap() {
        tokio::task::yield_now().await;
    }
    assert!(told_at.elapsed() >= LEASE);
    assert_eq!(readable(&agreement), Some(format!("2{THERE}")));
    assert_eq!(told.words(), ["share", "share"]);
}

#[tokio::test]
async fn a_server_that_comes_back_is_another_one() {
    let (agreement, told) = agreement();
    told.shares(1, HERE);
    agreement.listen().await.unwrap();
    let before = readable(&agreement);
    told.shares(3, HERE);
    agreement.listen().await.unwrap();
    assert!(
        readable(&agreement).is_none(),
        "another was shared meanwhile"
    );
    tokio::time::sleep(LEASE).await;
    agreement.listen().await.unwrap();
    assert_ne!(readable(&agreement), before);
}

#[tokio::test]
async fn a_replica_that_starts_long_after_they_agreed_uses_it_at_once() {
    let (agreement, told) = agreement();
    told.shares(7, HERE);
    told.server.lock().unwrap().as_mut().unwrap().agreed = LONG_AGO;
    agreement.listen().await.unwrap();
    assert_eq!(readable(&agreement), Some(format!("7{HERE}")));
}

#[tokio::test]
async fn what_was_asked_before_does_not_replace_what_was_heard_since() {
    let mut last = Last::default();
    let (before, now) = (Instant::now(), Instant::now() + LEASE);
    let heard = |closed| Heard {
        closed,
        server: None,
    };
    last.hear(now, heard(1));
    last.hear(before, heard(0));
    assert_eq!(last.closed, 1);
}

#[tokio::test]
async fn the_others_may_stay_longer_with_theirs_each_time_that_one_comes_back() {
    let (agreement, _) = agreement();
    let mut patience = Vec::new();
    for _ in 0..4 {
        patience.push(agreement.patience_with(HERE));
        agreement.told_of(HERE);
    }
    assert_eq!(patience, [PATIENCE, PATIENCE, PATIENCE * 2, PATIENCE * 4]);
    for _ in 0..40 {
        agreement.told_of(HERE);
    }
    assert_eq!(agreement.patience_with(HERE), LONGEST_PATIENCE);
    assert_eq!(agreement.patience_with(THERE), PATIENCE, "it is new");
}
