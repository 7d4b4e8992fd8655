//! Single flight: concurrent callers that ask for the same key share one load.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

/// The result of a load, shared by all callers that waited for it.
pub(crate) type Found<T, E> = Result<Option<Arc<T>>, E>;

type Load<T, E> = BoxFuture<'static, Found<T, E>>;

/// The loads of each key: at most one in progress, and at most one that starts when it has ended. A
/// load lives as long as a caller waits for it: callers that hang up leave it to the others, and
/// the last one to hang up cancels it.
pub(crate) struct SingleFlight<K, T, E> {
    flights: Arc<Mutex<Flights<K, T, E>>>,
}

struct Flights<K, T, E> {
    by_key: HashMap<K, Flight<T, E>>,
    started: u64,
}

struct Flight<T, E> {
    begun: Option<Numbered<T, E>>,
    next: Option<Numbered<T, E>>,
}

/// A load, which lives as long as a caller waits for it.
#[derive(Clone)]
struct Numbered<T, E> {
    number: u64,
    load: WeakShared<Load<T, E>>,
}

impl<T, E> Flight<T, E> {
    const EMPTY: Self = Self {
        begun: None,
        next: None,
    };
}

impl<K, T, E> SingleFlight<K, T, E>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self {
            flights: Arc::new(Mutex::new(Flights {
                by_key: HashMap::new(),
                started: 0,
            })),
        }
    }

    /// The result of a load of `key` that begins after this call, so that it cannot miss an earlier
    /// write: `load`, or one that other callers wait for and that has not begun.
    pub(crate) async fn join_later(
        &self,
        key: K,
        load: impl Future<Output = Found<T, E>> + Send + 'static,
    ) -> Found<T, E> {
        self.join_next(key, load).await
    }

    /// The result of the load of `key` that is in progress, or else of `load`.
    pub(crate) async fn join_any(
        &self,
        key: K,
        load: impl Future<Output = Found<T, E>> + Send + 'static,
    ) -> Found<T, E> {
        match self.in_progress(key) {
            Some(load) => load.await,
            None => self.join_next(key, load).await,
        }
    }

    /// Whether a load of `key` is in progress.
    pub(crate) fn is_in_progress(&self, key: K) -> bool {
        self.in_progress(key).is_some()
    }

    fn in_progress(&self, key: K) -> Option<Shared<Load<T, E>>> {
        let flights = lock(&self.flights);
        flights.by_key.get(&key)?.begun.as_ref()?.load.upgrade()
    }

    fn join_next(
        &self,
        key: K,
        load: impl Future<Output = Found<T, E>> + Send + 'static,
    ) -> Shared<Load<T, E>> {
        let mut flights = lock(&self.flights);
        flights.started += 1;
        let number = flights.started;
        let flight = flights.by_key.entry(key).or_insert(Flight::EMPTY);
        let waits = |kept: &Option<Numbered<T, E>>| kept.as_ref().and_then(|k| k.load.upgrade());
        if let Some(next) = waits(&flight.next) {
            return next;
        }
        let earlier = waits(&flight.begun);
        let place = if earlier.is_some() {
            &mut flight.next
        } else {
            &mut flight.begun
        };
        let ended = Ended {
            flights: Arc::clone(&self.flights),
            key,
            number,
        };
        let load: Shared<Load<T, E>> = async move {
            let ended = ended;
            if let Some(earlier) = earlier {
                // Its result may be older than a write since then.
                let _ = earlier.await;
                ended.begin();
            }
            load.await
        }
        .boxed()
        .shared();
        *place = load.downgrade().map(|load| Numbered { number, load });
        load
    }
}

/// Removes a load from the list when it has finished or was cancelled.
struct Ended<K: Eq + Hash, T, E> {
    flights: Arc<Mutex<Flights<K, T, E>>>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, T, E> Ended<K, T, E> {
    /// Records that the waiting load has begun.
    fn begin(&self) {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.by_key.get_mut(&self.key)
            && is(flight.next.as_ref(), self.number)
        {
            flight.begun = flight.next.take();
        }
    }
}

impl<K: Eq + Hash, T, E> Drop for Ended<K, T, E> {
    fn drop(&mut self) {
        let mut flights = lock(&self.flights);
        let Some(flight) = flights.by_key.get_mut(&self.key) else {
            return;
        };
        for place in [&mut flight.begun, &mut flight.next] {
            if is(place.as_ref(), self.number) {
                *place = None;
            }
        }
        if flight.begun.is_none() && flight.next.is_none() {
            flights.by_key.remove(&self.key);
        }
    }
}

fn is<T, E>(place: Option<&Numbered<T, E>>, number: u64) -> bool {
    place.is_some_and(|kept| kept.number == number)
}

/// A poisoned lock is safe to use: a panic cannot have left the list half written.
fn lock<K, T, E>(flights: &Mutex<Flights<K, T, E>>) -> MutexGuard<'_, Flights<K, T, E>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;
    use crate::StorageError;

    type Flights<T> = SingleFlight<&'static str, T, StorageError>;

    /// A load that counts its runs.
    fn load(
        count: &Arc<AtomicUsize>,
        value: u32,
    ) -> impl Future<Output = Found<u32, StorageError>> + use<> {
        let count = Arc::clone(count);
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Some(Arc::new(value)))
        }
    }

    /// A load that begins when it is first polled, and finds 7 when the test releases it.
    fn held(
        count: &Arc<AtomicUsize>,
        released: oneshot::Receiver<()>,
    ) -> impl Future<Output = Found<u32, StorageError>> + use<> {
        let load = load(count, 7);
        async {
            released.await.unwrap();
            load.await
        }
    }

    #[tokio::test]
    async fn fifty_callers_that_join_any_load_share_one() {
        let (flights, count) = (Flights::new(), Arc::new(AtomicUsize::new(0)));
        let (release, released) = oneshot::channel();
        let mut first = Box::pin(flights.join_any("key", held(&count, released)));
        assert!((&mut first).now_or_never().is_none());
        assert!(flights.is_in_progress("key"));
        let mut others = join_all((1..50).map(|_| flights.join_any("key", load(&count, 8))));
        assert!((&mut others).now_or_never().is_none());
        release.send(()).unwrap();
        let (first, others) = futures_util::future::join(first, others).await;
        let found = others.into_iter().chain([first]);
        assert!(found.into_iter().all(|f| f.unwrap().as_deref() == Some(&7)));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(lock(&flights.flights).by_key.is_empty());
    }

    #[tokio::test]
    async fn callers_that_ask_during_a_load_share_a_later_one() {
        let (flights, count) = (Flights::new(), Arc::new(AtomicUsize::new(0)));
        let (release, released) = oneshot::channel();
        let mut first = Box::pin(flights.join_later("key", held(&count, released)));
        assert!((&mut first).now_or_never().is_none());
        let mut others = join_all((1..50).map(|_| flights.join_later("key", load(&count, 8))));
        assert!((&mut others).now_or_never().is_none());
        assert_eq!(count.load(Ordering::SeqCst), 0, "one load at a time");
        release.send(()).unwrap();
        let (first, others) = futures_util::future::join(first, others).await;
        assert_eq!(first.unwrap().as_deref(), Some(&7));
        let later = others.into_iter();
        assert!(later.into_iter().all(|f| f.unwrap().as_deref() == Some(&8)));
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert!(lock(&flights.flights).by_key.is_empty());
    }

    #[tokio::test]
    async fn a_load_that_waited_to_begin_is_not_joined_once_it_has() {
        let (flights, count) = (Flights::new(), Arc::new(AtomicUsize::new(0)));
        let (release_first, first_released) = oneshot::channel();
        let (release_second, second_released) = oneshot::channel();
        let mut first = Box::pin(flights.join_later("key", held(&count, first_released)));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(flights.join_later("key", held(&count, second_released)));
        assert!((&mut second).now_or_never().is_none());
        release_first.send(()).unwrap();
        first.await.unwrap();
        assert!((&mut second).now_or_never().is_none(), "it has begun");
        let mut third = Box::pin(flights.join_later("key", load(&count, 9)));
        assert!((&mut third).now_or_never().is_none());
        release_second.send(()).unwrap();
        second.await.unwrap();
        assert_eq!(third.await.unwrap().as_deref(), Some(&9));
    }

    #[tokio::test]
    async fn a_later_caller_loads_again() {
        let (flights, count) = (Flights::new(), Arc::new(AtomicUsize::new(0)));
        flights.join_any("key", load(&count, 1)).await.unwrap();
        let second = flights.join_any("key", load(&count, 2)).await.unwrap();
        assert_eq!(second.as_deref(), Some(&2));
    }

    #[tokio::test]
    async fn a_caller_that_hangs_up_leaves_the_load_to_the_others() {
        let (flights, count) = (Flights::new(), Arc::new(AtomicUsize::new(0)));
        let (release, released) = oneshot::channel();
        let mut first = Box::pin(flights.join_any("key", held(&count, released)));
        let mut second =
            Box::pin(flights.join_any("key", async { unreachable!("the first loads") }));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        release.send(()).unwrap();
        assert_eq!(second.await.unwrap().as_deref(), Some(&7));
    }

    #[tokio::test]
    async fn a_load_that_every_caller_gave_up_is_not_kept() {
        let flights = Flights::<u32>::new();
        let mut only = Box::pin(flights.join_any("key", std::future::pending()));
        assert!((&mut only).now_or_never().is_none());
        let mut waits = Box::pin(flights.join_later("key", std::future::pending()));
        assert!((&mut waits).now_or_never().is_none());
        drop((only, waits));
        assert!(lock(&flights.flights).by_key.is_empty());
    }
}
