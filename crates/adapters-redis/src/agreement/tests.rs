//! What replicas agree on, over closures of their own.

use std::sync::Mutex as BlockingMutex;

use async_trait::async_trait;
use futures_util::FutureExt as _;

use super::*;

const LONGEST: Duration = Duration::from_mins(5);

/// What was told, and what others have closed.
#[derive(Default)]
struct Told {
    words: BlockingMutex<Vec<&'static str>>,
    is_closed: std::sync::atomic::AtomicBool,
    refuses: AtomicU64,
}

impl Told {
    fn answer(&self) -> Result<(), StorageError> {
        let left = &self.refuses;
        let next = |n: u64| n.checked_sub(1);
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next) {
            Ok(_) => Err(StorageError::unavailable("not now")),
            Err(_) => Ok(()),
        }
    }

    fn told(&self) -> Vec<&'static str> {
        self.words.lock().unwrap().clone()
    }
}

#[async_trait]
impl Closures for Told {
    async fn close(&self, _: Uuid, duration: Duration) -> Result<(), StorageError> {
        assert_eq!(duration, 2 * LONGEST);
        self.words.lock().unwrap().push("close");
        self.answer()
    }

    async fn open(&self, ids: &[Uuid]) -> Result<(), StorageError> {
        assert_eq!(ids.len(), 1);
        self.words.lock().unwrap().push("open");
        self.answer()
    }

    async fn are_any(&self) -> Result<bool, StorageError> {
        Ok(self.is_closed.load(Ordering::SeqCst))
    }
}

fn agreement() -> (Agreement, Arc<Told>) {
    let told = Arc::new(Told::default());
    (Agreement::new(Arc::<Told>::clone(&told), LONGEST), told)
}

#[tokio::test]
async fn redis_is_read_only_once_and_as_long_as_nobody_has_closed_it() {
    let (agreement, told) = agreement();
    assert!(!agreement.may_read(), "nothing was heard yet");
    agreement.listen().await.unwrap();
    assert!(agreement.may_read());
    told.is_closed.store(true, Ordering::SeqCst);
    agreement.listen().await.unwrap();
    assert!(!agreement.may_read());
}

#[tokio::test]
async fn what_was_heard_counts_for_as_long_as_whoever_closes_it_waits() {
    let (agreement, told) = agreement();
    agreement.listen().await.unwrap();
    let closing = Instant::now();
    agreement.close().await;
    assert!(closing.elapsed() >= LEASE);
    assert!(!agreement.may_read(), "it was heard before");
    assert!(agreement.close().now_or_never().is_some(), "it is closed");
    assert_eq!(told.told(), ["close"]);
}

#[tokio::test]
async fn whoever_announces_waits_for_nobody_and_whoever_closes_waits_for_the_rest() {
    let (agreement, told) = agreement();
    let announced = Instant::now();
    let holds_from = agreement.announce().now_or_never().unwrap().unwrap();
    assert!(holds_from >= announced + LEASE);
    agreement.close().await;
    assert!(Instant::now() >= holds_from);
    assert_eq!(told.told(), ["close"]);
}

#[tokio::test]
async fn what_storage_does_not_take_is_told_again() {
    let (agreement, told) = agreement();
    told.refuses.store(2, Ordering::SeqCst);
    agreement.close().await;
    assert_eq!(told.told(), ["close", "close", "close"]);
}

#[tokio::test]
async fn what_storage_may_have_taken_is_ended_as_well() {
    let (agreement, told) = agreement();
    told.refuses.store(1, Ordering::SeqCst);
    assert!(agreement.announce().await.is_err(), "perhaps it was taken");
    agreement.open_if(|| true).await;
    assert_eq!(told.told(), ["close", "open"]);
}

#[tokio::test]
async fn it_is_opened_once_redis_has_what_it_missed_and_closed_anew_after_that() {
    let (agreement, told) = agreement();
    agreement.open_if(|| true).await;
    assert!(told.told().is_empty(), "nothing was closed");
    agreement.close().await;
    agreement.open_if(|| false).await;
    assert_eq!(told.told(), ["close"]);
    agreement.open_if(|| true).await;
    assert_eq!(told.told(), ["close", "open"]);
    agreement.close().await;
    assert_eq!(told.told(), ["close", "open", "close"]);
}

#[tokio::test]
async fn what_could_not_be_ended_is_ended_later() {
    let (agreement, told) = agreement();
    agreement.close().await;
    told.refuses.store(1, Ordering::SeqCst);
    agreement.open_if(|| true).await;
    agreement.listen().await.unwrap();
    agreement.listen().await.unwrap();
    assert_eq!(told.told(), ["close", "open", "open"]);
}
