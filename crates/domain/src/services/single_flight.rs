//! Many who ask for the same thing at once wait for one load of it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

use crate::StorageError;

/// What a load finds: shared, because everybody who waited gets the same.
pub(super) type Found<T> = Result<Option<Arc<T>>, StorageError>;

type Load<T> = BoxFuture<'static, Found<T>>;

/// The loads under way, by key. A load lives as long as somebody waits for it: who hangs up
/// leaves it to the others, and the last one to hang up ends it.
pub(super) struct SingleFlight<K, T> {
    under_way: Arc<Mutex<UnderWay<K, T>>>,
}

struct UnderWay<K, T> {
    loads: HashMap<K, (u64, WeakShared<Load<T>>)>,
    started: u64,
}

impl<K, T> SingleFlight<K, T>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Send + Sync + 'static,
{
    pub(super) fn new() -> Self {
        Self {
            under_way: Arc::new(Mutex::new(UnderWay {
                loads: HashMap::new(),
                started: 0,
            })),
        }
    }

    /// What the load of `key` finds: the one under way, or else `load`.
    pub(super) async fn join(
        &self,
        key: K,
        load: impl Future<Output = Found<T>> + Send + 'static,
    ) -> Found<T> {
        self.find_or_start(key, load).await
    }

    /// Lets the load of `key` that is under way finish for those who wait for it, and nobody
    /// else: what it finds may be older than what was just written.
    pub(super) fn forget(&self, key: K) {
        lock(&self.under_way).loads.remove(&key);
    }

    fn find_or_start(
        &self,
        key: K,
        load: impl Future<Output = Found<T>> + Send + 'static,
    ) -> Shared<Load<T>> {
        let mut under_way = lock(&self.under_way);
        if let Some(load) = under_way.loads.get(&key).and_then(|(_, l)| l.upgrade()) {
            return load;
        }
        under_way.started += 1;
        let number = under_way.started;
        let done = Done {
            under_way: Arc::clone(&self.under_way),
            key,
            number,
        };
        let load: Shared<Load<T>> = async move {
            let _done = done;
            load.await
        }
        .boxed()
        .shared();
        if let Some(weak) = load.downgrade() {
            under_way.loads.insert(key, (number, weak));
        }
        load
    }
}

/// Takes a load off the list when it is over, be it finished or given up.
struct Done<K: Eq + Hash, T> {
    under_way: Arc<Mutex<UnderWay<K, T>>>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, T> Drop for Done<K, T> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.under_way);
        let is_this = |(number, _): &(u64, _)| *number == self.number;
        if under_way.loads.get(&self.key).is_some_and(is_this) {
            under_way.loads.remove(&self.key);
        }
    }
}

/// A panic while the list was held cannot have left it half written.
fn lock<K, T>(under_way: &Mutex<UnderWay<K, T>>) -> MutexGuard<'_, UnderWay<K, T>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;

    /// A load that counts itself.
    fn load(count: &Arc<AtomicUsize>, value: u32) -> impl Future<Output = Found<u32>> + use<> {
        let count = Arc::clone(count);
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Some(Arc::new(value)))
        }
    }

    #[tokio::test]
    async fn fifty_at_once_load_once() {
        let (flights, count) = (SingleFlight::new(), Arc::new(AtomicUsize::new(0)));
        let (start, started) = oneshot::channel::<()>();
        let mut first = Box::pin(flights.join("key", {
            let load = load(&count, 7);
            async {
                started.await.unwrap();
                load.await
            }
        }));
        assert!((&mut first).now_or_never().is_none());
        let mut others = join_all((1..50).map(|_| flights.join("key", load(&count, 8))));
        assert!((&mut others).now_or_never().is_none());
        start.send(()).unwrap();
        let (first, others) = futures_util::future::join(first, others).await;
        let found = others.into_iter().chain([first]);
        assert!(found.into_iter().all(|f| f.unwrap().as_deref() == Some(&7)));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(lock(&flights.under_way).loads.is_empty());
    }

    #[tokio::test]
    async fn who_comes_later_loads_again() {
        let (flights, count) = (SingleFlight::new(), Arc::new(AtomicUsize::new(0)));
        flights.join("key", load(&count, 1)).await.unwrap();
        let second = flights.join("key", load(&count, 2)).await.unwrap();
        assert_eq!(second.as_deref(), Some(&2));
    }

    #[tokio::test]
    async fn who_hangs_up_leaves_the_load_to_the_others() {
        let flights = SingleFlight::<_, u32>::new();
        let (send, receive) = oneshot::channel();
        let mut first =
            Box::pin(flights.join(
                "key",
                async move { Ok(Some(Arc::new(receive.await.unwrap()))) },
            ));
        let mut second = Box::pin(flights.join("key", async { unreachable!("the first loads") }));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        send.send(9).unwrap();
        assert_eq!(second.await.unwrap().as_deref(), Some(&9));
    }

    #[tokio::test]
    async fn a_load_that_everybody_gave_up_is_not_kept() {
        let flights = SingleFlight::<_, u32>::new();
        let mut only = Box::pin(flights.join("key", std::future::pending()));
        assert!((&mut only).now_or_never().is_none());
        drop(only);
        assert!(lock(&flights.under_way).loads.is_empty());
    }

    #[tokio::test]
    async fn nobody_new_joins_a_load_that_was_forgotten() {
        let flights = SingleFlight::new();
        let (send, receive) = oneshot::channel();
        let mut old =
            Box::pin(flights.join("key", async { Ok(Some(Arc::new(receive.await.unwrap()))) }));
        assert!((&mut old).now_or_never().is_none());
        flights.forget("key");
        let new = flights.join("key", async { Ok(Some(Arc::new(2))) });
        assert_eq!(new.await.unwrap().as_deref(), Some(&2));
        send.send(1).unwrap();
        assert_eq!(old.await.unwrap().as_deref(), Some(&1));
    }
}
