//! What replicas of a test tell each other.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    StorageError,
    cache::{Coordination, Heard, SharedServer},
};
use uuid::Uuid;

pub(crate) const LONGEST: Duration = Duration::from_mins(5);

/// What was told, and what others have.
#[derive(Default)]
pub(crate) struct Told {
    words: Mutex<Vec<&'static str>>,
    pub(crate) closed: AtomicU64,
    /// How often storage fails.
    pub(crate) refuses: AtomicU64,
    pub(crate) server: Mutex<Option<SharedServer>>,
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

    pub(crate) fn words(&self) -> Vec<&'static str> {
        self.words.lock().unwrap().clone()
    }

    /// Lets other replicas share this server.
    pub(crate) fn shares(&self, generation: i64, id: &str) {
        *self.server.lock().unwrap() = Some(SharedServer {
            generation,
            id: id.to_owned(),
            agreed: Duration::ZERO,
        });
    }
}

#[async_trait]
impl Coordination for Told {
    async fn close(&self, _: Uuid, _: u64, duration: Duration) -> Result<(), StorageError> {
        assert_eq!(duration, 2 * LONGEST);
        self.words.lock().unwrap().push("close");
        self.answer()
    }

    async fn open(&self, ids: &[Uuid]) -> Result<(), StorageError> {
        assert_eq!(ids.len(), 1);
        self.words.lock().unwrap().push("open");
        self.answer()
    }

    async fn heard(&self) -> Result<Heard, StorageError> {
        Ok(Heard {
            closed: self.closed.load(Ordering::SeqCst),
            server: self.server.lock().unwrap().clone(),
        })
    }

    async fn share(
        &self,
        server: &str,
        instead_of: Option<i64>,
        _: Duration,
    ) -> Result<(), StorageError> {
        self.words.lock().unwrap().push("share");
        self.answer()?;
        let shared = self.server.lock().unwrap().clone();
        if shared.map(|shared| shared.generation) == instead_of {
            self.shares(instead_of.unwrap_or(0) + 1, server);
        }
        Ok(())
    }
}
