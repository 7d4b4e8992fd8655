//! A semaphore whose permits are shared fairly among keys.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::identity::Requester;
use tokio::sync::oneshot;

/// A fixed number of permits. Waiting requests with the same key are in line, and the keys get
/// permits in rotation: however many requests one key has, the next permit goes to another.
pub(super) struct FairSemaphore(Arc<Mutex<Line>>);

struct Line {
    free: usize,
    waiting: HashMap<Requester, VecDeque<oneshot::Sender<Permit>>>,
    /// The keys with waiting requests, each once.
    rotation: VecDeque<Requester>,
}

/// The most waiting requests with one key.
const MAX_WAITING_OF_ONE: usize = 16;

/// The most keys with waiting requests.
const MAX_WAITING_KEYS: usize = 1_024;

/// Too many requests wait already.
#[derive(Debug)]
pub(super) struct TooMany;

impl FairSemaphore {
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Line {
            free: at_once,
            waiting: HashMap::new(),
            rotation: VecDeque::new(),
        })))
    }

    /// Acquires a permit, which is released when it is dropped.
    ///
    /// # Errors
    ///
    /// When too many requests wait already.
    pub(super) async fn acquire(&self, key: Requester) -> Result<Permit, TooMany> {
        let granted = {
            let mut state = lock(&self.0);
            if state.free > 0 {
                state.free -= 1;
                return Ok(Permit(Arc::clone(&self.0)));
            }
            state.line_up(key)?
        };
        granted.await.map_err(|_| TooMany)
    }
}

impl Line {
    fn line_up(&mut self, key: Requester) -> Result<oneshot::Receiver<Permit>, TooMany> {
        let line = match self.waiting.get_mut(&key) {
            Some(line) => {
                line.retain(|waiting| !waiting.is_closed());
                line
            }
            None if self.rotation.len() >= MAX_WAITING_KEYS => return Err(TooMany),
            None => {
                self.rotation.push_back(key);
                self.waiting.entry(key).or_default()
            }
        };
        if line.len() >= MAX_WAITING_OF_ONE {
            return Err(TooMany);
        }
        let (grant, granted) = oneshot::channel();
        line.push_back(grant);
        Ok(granted)
    }

    /// The next waiting request: the first in line of the next key in the rotation.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        while let Some(key) = self.rotation.pop_front() {
            let line = self.waiting.get_mut(&key);
            let next = line.and_then(|line| {
                std::iter::from_fn(|| line.pop_front()).find(|waiting| !waiting.is_closed())
            });
            if next.is_some() {
                self.rotation.push_back(key);
                return next;
            }
            self.waiting.remove(&key);
        }
        None
    }
}

/// A permit, released when it is dropped.
pub(super) struct Permit(Arc<Mutex<Line>>);

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = lock(&self.0);
            let next = state.next();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some(next) = next {
            // If that request was cancelled meanwhile, the permit is dropped, and so goes to the
            // next one.
            let _ = next.send(Self(Arc::clone(&self.0)));
        }
    }
}

/// A poisoned lock is safe to use: a panic cannot have left the state half written.
fn lock(state: &Mutex<Line>) -> MutexGuard<'_, Line> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MANY: Requester = Requester::Known(1);
    const OTHER: Requester = Requester::Known(2);

    #[tokio::test]
    async fn however_many_wait_with_one_key_another_is_next() {
        let semaphore = FairSemaphore::new(1);
        let first = semaphore.acquire(MANY).await.unwrap();
        let mut many: Vec<_> = (0..10).map(|_| Box::pin(semaphore.acquire(MANY))).collect();
        for waiting in &mut many {
            assert!(waiting.now_or_never().is_none());
        }
        let mut other = Box::pin(semaphore.acquire(OTHER));
        assert!((&mut other).now_or_never().is_none());
        drop(first);
        let second = many.remove(0).now_or_never().unwrap().unwrap();
        drop(second);
        assert!(other.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_request_that_hangs_up_takes_no_permit_and_all_permits_come_back() {
        let semaphore = FairSemaphore::new(1);
        let first = semaphore.acquire(MANY).await.unwrap();
        let mut gone = Box::pin(semaphore.acquire(MANY));
        assert!((&mut gone).now_or_never().is_none());
        let mut granted_and_gone = Box::pin(semaphore.acquire(MANY));
        assert!((&mut granted_and_gone).now_or_never().is_none());
        drop(gone);
        drop(first);
        drop(granted_and_gone);
        assert!(semaphore.acquire(MANY).now_or_never().is_some());
        let state = lock(&semaphore.0);
        assert!(state.waiting.is_empty() && state.rotation.is_empty());
    }

    #[tokio::test]
    async fn a_request_is_refused_when_too_many_wait() {
        let semaphore = FairSemaphore::new(1);
        let _first = semaphore.acquire(MANY).await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING_OF_ONE)
            .map(|_| Box::pin(semaphore.acquire(MANY)))
            .collect();
        for waiting in &mut waiting {
            assert!(waiting.now_or_never().is_none());
        }
        assert!(semaphore.acquire(MANY).await.is_err());
        assert!(
            semaphore.acquire(OTHER).now_or_never().is_none(),
            "it may wait"
        );
    }
}
