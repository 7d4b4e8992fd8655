//! Turns at something expensive, shared fairly among those who ask.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::ports::Asker;
use tokio::sync::oneshot;

/// So many turns at once (a semaphore). Who waits stands behind those with the same key, and the
/// keys are served in rotation: however many ask with one key, another is next.
pub(super) struct FairTurns(Arc<Mutex<State>>);

struct State {
    free: usize,
    waiting: HashMap<Asker, VecDeque<oneshot::Sender<Turn>>>,
    /// The keys of those who wait, each once.
    rotation: VecDeque<Asker>,
}

/// The most who wait with one key.
const MAX_WAITING_OF_ONE: usize = 16;

/// The most keys for which somebody waits.
const MAX_WAITING_KEYS: usize = 1_024;

/// Too many wait already.
#[derive(Debug)]
pub(super) struct TooMany;

impl FairTurns {
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: at_once,
            waiting: HashMap::new(),
            rotation: VecDeque::new(),
        })))
    }

    /// Takes a turn, which lasts until it is dropped.
    ///
    /// # Errors
    ///
    /// When too many wait already.
    pub(super) async fn take(&self, key: Asker) -> Result<Turn, TooMany> {
        let granted = {
            let mut state = lock(&self.0);
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn(Arc::clone(&self.0)));
            }
            state.line_up(key)?
        };
        granted.await.map_err(|_| TooMany)
    }
}

impl State {
    fn line_up(&mut self, key: Asker) -> Result<oneshot::Receiver<Turn>, TooMany> {
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

    /// Who is next: the first in line of the key whose turn it is.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
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

/// A turn, until it is dropped.
pub(super) struct Turn(Arc<Mutex<State>>);

impl Drop for Turn {
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
            // Who has hung up since gives the turn back, and so to the next.
            let _ = next.send(Self(Arc::clone(&self.0)));
        }
    }
}

/// A panic while the state was held cannot have left it half written.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MANY: Asker = Asker::Known(1);
    const OTHER: Asker = Asker::Known(2);

    #[tokio::test]
    async fn however_many_wait_with_one_key_another_is_next() {
        let turns = FairTurns::new(1);
        let first = turns.take(MANY).await.unwrap();
        let mut many: Vec<_> = (0..10).map(|_| Box::pin(turns.take(MANY))).collect();
        for waiting in &mut many {
            assert!(waiting.now_or_never().is_none());
        }
        let mut other = Box::pin(turns.take(OTHER));
        assert!((&mut other).now_or_never().is_none());
        drop(first);
        let second = many.remove(0).now_or_never().unwrap().unwrap();
        drop(second);
        assert!(other.now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_hangs_up_takes_no_turn_and_all_turns_come_back() {
        let turns = FairTurns::new(1);
        let first = turns.take(MANY).await.unwrap();
        let mut gone = Box::pin(turns.take(MANY));
        assert!((&mut gone).now_or_never().is_none());
        let mut granted_and_gone = Box::pin(turns.take(MANY));
        assert!((&mut granted_and_gone).now_or_never().is_none());
        drop(gone);
        drop(first);
        drop(granted_and_gone);
        assert!(turns.take(MANY).now_or_never().is_some());
        let state = lock(&turns.0);
        assert!(state.waiting.is_empty() && state.rotation.is_empty());
    }

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_turned_away() {
        let turns = FairTurns::new(1);
        let _first = turns.take(MANY).await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING_OF_ONE)
            .map(|_| Box::pin(turns.take(MANY)))
            .collect();
        for waiting in &mut waiting {
            assert!(waiting.now_or_never().is_none());
        }
        assert!(turns.take(MANY).await.is_err());
        assert!(turns.take(OTHER).now_or_never().is_none(), "it may wait");
    }
}
