//! What a replica closes, and tells the others.

use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;

use super::*;
use crate::told::{LONGEST, Told};

fn closing() -> (Closing, Arc<Told>) {
    let told = Arc::new(Told::default());
    (Closing::new(Arc::<Told>::clone(&told), 1, LONGEST), told)
}

/// Looks after what was told while Redis lacks something, and these parts are closed.
async fn kept(closing: &Closing, closed: u64) -> Result<(), StorageError> {
    closing.keep_told((Instant::now(), closed), || false).await
}

#[tokio::test]
async fn whoever_closes_it_waits_for_as_long_as_what_was_heard_counts() {
    let (closing, told) = closing();
    let closed = Instant::now();
    closing.close().await;
    assert!(closed.elapsed() >= LEASE);
    assert!(closing.close().now_or_never().is_some(), "it is closed");
    assert_eq!(told.words(), ["close"]);
}

#[tokio::test]
async fn whoever_announces_waits_for_nobody_and_whoever_closes_waits_for_the_rest() {
    let (closing, told) = closing();
    let announced = Instant::now();
    let holds_from = closing.announce().now_or_never().unwrap().unwrap();
    assert!(holds_from >= announced + LEASE);
    closing.close().await;
    assert!(Instant::now() >= holds_from);
    assert_eq!(told.words(), ["close"]);
}

#[tokio::test]
async fn what_storage_does_not_take_is_told_again() {
    let (closing, told) = closing();
    told.refuses.store(2, Ordering::SeqCst);
    closing.close().await;
    assert_eq!(told.words(), ["close", "close", "close"]);
}

#[tokio::test]
async fn what_storage_may_have_taken_is_ended_as_well() {
    let (closing, told) = closing();
    told.refuses.store(1, Ordering::SeqCst);
    assert!(closing.announce().await.is_err(), "perhaps it was taken");
    closing.open_if(|| true).await;
    assert_eq!(told.words(), ["close", "open"]);
}

#[tokio::test]
async fn it_is_opened_once_redis_has_what_it_missed_and_closed_anew_after_that() {
    let (closing, told) = closing();
    closing.open_if(|| true).await;
    assert!(told.words().is_empty(), "nothing was closed");
    closing.close().await;
    closing.open_if(|| false).await;
    assert_eq!(told.words(), ["close"]);
    closing.open_if(|| true).await;
    assert_eq!(told.words(), ["close", "open"]);
    closing.close().await;
    assert_eq!(told.words(), ["close", "open", "close"]);
}

#[tokio::test]
async fn what_could_not_be_ended_is_ended_later() {
    let (closing, told) = closing();
    closing.close().await;
    told.refuses.store(1, Ordering::SeqCst);
    closing.open_if(|| true).await;
    kept(&closing, 1).await.unwrap();
    kept(&closing, 1).await.unwrap();
    assert_eq!(told.words(), ["close", "open", "open"]);
}

#[tokio::test]
async fn what_storage_has_lost_is_told_again_until_it_has_it() {
    let (closing, told) = closing();
    let before = (Instant::now(), 0);
    closing.close().await;
    closing.keep_told(before, || false).await.unwrap();
    kept(&closing, 1).await.unwrap();
    assert_eq!(told.words(), ["close"], "it was asked before, or is there");
    told.refuses.store(1, Ordering::SeqCst);
    assert!(kept(&closing, 0).await.is_err());
    kept(&closing, 0).await.unwrap();
    assert_eq!(told.words(), ["close", "close", "close"]);
}

#[tokio::test]
async fn what_was_told_too_late_is_ended_as_soon_as_redis_has_everything() {
    let (closing, told) = closing();
    closing.announce().await.unwrap();
    closing
        .keep_told((Instant::now(), 1), || true)
        .await
        .unwrap();
    kept(&closing, 0).await.unwrap();
    assert_eq!(told.words(), ["close", "open"]);
}
