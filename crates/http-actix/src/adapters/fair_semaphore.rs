//! A semaphore whose permits are shared fairly among keys.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::identity::Requester;
use tokio::sync::oneshot;

/// A fixed number of permits. Waiting requests with the same key are in line, and the keys get
/// permits in rotation: however many requests one key has, the next permit goes to another. Every other
/// permit goes to those who are known, if one of them waits: however many strangers there are, one
/// permit of theirs is waited for at most.
pub(super) struct FairSemaphore(Arc<Mutex<Line>>);

struct Line {
    free: usize,
    waiting: HashMap<Requester, VecDeque<oneshot::Sender<Permit>>>,
    /// The keys with waiting requests, each once.
    known: VecDeque<Requester>,
    strangers: VecDeque<Requester>,
    /// Whether the last one who had waited was known.
    was_known: bool,
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
            known: VecDeque::new(),
            strangers: VecDeque::new(),
            was_known: false,
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

    /// How many wait for a permit.
    pub(super) fn waiting(&self) -> usize {
        let state = lock(&self.0);
        let waiting = state.waiting.values().flatten();
        waiting.filter(|waiting| !waiting.is_closed()).count()
    }
}

impl Line {
    fn line_up(&mut self, key: Requester) -> Result<oneshot::Receiver<Permit>, TooMany> {
        if !self.waiting.contains_key(&key) {
            let rotation = match key {
                Requester::Known(_) => &mut self.known,
                Requester::Address(_) => &mut self.strangers,
            };
            if rotation.len() >= MAX_WAITING_KEYS {
                return Err(TooMany);
            }
            rotation.push_back(key);
        }
        let line = self.waiting.entry(key).or_default();
        line.retain(|waiting| !waiting.is_closed());
        if line.len() >= MAX_WAITING_OF_ONE {
            return Err(TooMany);
        }
        let (grant, granted) = oneshot::channel();
        line.push_back(grant);
        Ok(granted)
    }

    /// The next waiting request: of somebody known, unless the last one was that and a stranger waits.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        for is_known in [!self.was_known, self.was_known] {
            let rotation = if is_known {
                &mut self.known
            } else {
                &mut self.strangers
            };
            if let Some(next) = next_of(rotation, &mut self.waiting) {
                self.was_known = is_known;
                return Some(next);
            }
        }
        None
    }
}

/// The first in line of the next key in a rotation.
fn next_of(
    rotation: &mut VecDeque<Requester>,
    waiting: &mut HashMap<Requester, VecDeque<oneshot::Sender<Permit>>>,
) -> Option<oneshot::Sender<Permit>> {
    while let Some(key) = rotation.pop_front() {
        let line = waiting.get_mut(&key);
        let next = line.and_then(|line| {
            std::iter::from_fn(|| line.pop_front()).find(|waiting| !waiting.is_closed())
        });
        if next.is_some() {
            rotation.push_back(key);
            return next;
        }
        waiting.remove(&key);
    }
    None
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
    use domain::identity::ClientAddress;
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
    async fn who_is_known_waits_for_one_stranger_at_most_and_a_stranger_for_one_who_is_known() {
        let semaphore = FairSemaphore::new(1);
        let of = |n| Requester::Address(ClientAddress::new([10, 0, 0, n].into()));
        let mut permit = semaphore.acquire(of(0)).await.unwrap();
        let mut line = [of(1), of(2), of(3), MANY, MANY, OTHER]
            .map(|key| Some(Box::pin(semaphore.acquire(key))));
        for waiting in line.iter_mut().flatten() {
            assert!(waiting.now_or_never().is_none());
        }
        let mut served = Vec::new();
        while served.len() < line.len() {
            drop(permit);
            let granted = line.iter_mut().enumerate().find_map(|(n, waiting)| {
                let granted = waiting.as_mut()?.now_or_never()?;
                Some((n, granted.unwrap()))
            });
            let (n, next) = granted.unwrap();
            (line[n], permit) = (None, next);
            served.push(n);
        }
        assert_eq!(served, [3, 0, 5, 1, 4, 2]);
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
        assert!(state.waiting.is_empty() && state.known.is_empty());
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
