//! What the replicas agree on, as far as this one has heard of it through storage: which server is the cache that
//! they share, and which parts of it are closed. Whoever finds another server in its place tells the others, and
//! all of them have left the former one before the first of them uses the new one.

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};

use domain::{
    StorageError,
    cache::{Coordination, Heard, SharedServer},
};

/// For how long what was heard of the others counts, from the moment of asking: as long as it takes until
/// everybody knows what was told.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// How long ago they agreed on a server of which everybody has heard by now, whatever clocks say.
const LONG_AGO: Duration = Duration::from_secs(10);

/// How long they stay with a server before they agree on another one, should they not all reach the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was heard.
pub(crate) struct Agreement {
    coordination: Arc<dyn Coordination>,
    /// Nodes of a cluster agree on their masters by themselves.
    is_cluster: bool,
    last: RwLock<Last>,
}

/// What was heard last.
#[derive(Default)]
struct Last {
    /// When it was asked for.
    asked_at: Option<Instant>,
    closed: u64,
    server: Option<Server>,
}

struct Server {
    generation: i64,
    id: String,
    /// How its entries begin.
    name: Arc<str>,
    /// From when on no replica uses another one.
    settles_at: Instant,
}

impl Agreement {
    pub(crate) fn new(coordination: Arc<dyn Coordination>, is_cluster: bool) -> Self {
        Self {
            coordination,
            is_cluster,
            last: RwLock::default(),
        }
    }

    /// The server whose entries may be read, if nobody has closed this part of it, as far as was heard within the
    /// lease.
    pub(crate) fn readable(&self, part: u64) -> Option<Arc<str>> {
        let last = self.last();
        let is_open = last.closed & part == 0 && last.is_recent();
        is_open.then(|| self.server(&last)).flatten()
    }

    /// The server that gets what is written, as far as was heard within the lease; if nothing was, it is asked for.
    pub(crate) async fn writable(&self) -> Option<Arc<str>> {
        let known = || {
            let last = self.last();
            last.is_recent().then(|| self.server(&last)).flatten()
        };
        if let Some(server) = known() {
            return Some(server);
        }
        self.listen().await.ok()?;
        known()
    }

    /// The server of which was heard last, however long ago: for what may be old.
    pub(crate) fn last_server(&self) -> Option<Arc<str>> {
        self.server(&self.last())
    }

    /// Whether nobody has closed any part.
    pub(crate) fn is_open(&self) -> bool {
        self.readable(u64::MAX).is_some()
    }

    /// Whether they have yet to agree on their first server.
    pub(crate) fn is_missing(&self) -> bool {
        !self.is_cluster && self.last().server.is_none()
    }

    /// Whether all of them share this server. If they do not, they are told of it, and may soon.
    pub(crate) async fn is_shared(&self, id: &str) -> Result<bool, StorageError> {
        self.listen().await?;
        if self.is_cluster || self.shares(id).is_some() {
            return Ok(self.shares(id).unwrap_or(true));
        }
        let generation = self.last().server.as_ref().map(|server| server.generation);
        self.coordination.share(id, generation, PATIENCE).await?;
        self.listen().await?;
        Ok(self.shares(id).unwrap_or(false))
    }

    /// Asks what the others have told.
    pub(crate) async fn listen(&self) -> Result<(), StorageError> {
        let asked_at = Instant::now();
        let heard = self.coordination.heard().await?;
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        last.hear(asked_at, heard);
        Ok(())
    }

    /// Whether the server on which they agree, if it is this one, is in use.
    fn shares(&self, id: &str) -> Option<bool> {
        let last = self.last();
        let server = last.server.as_ref().filter(|server| server.id == id);
        server.map(Server::is_settled)
    }

    fn server(&self, last: &Last) -> Option<Arc<str>> {
        if self.is_cluster {
            return Some(Arc::default());
        }
        let server = last.server.as_ref().filter(|server| server.is_settled());
        server.map(|server| Arc::clone(&server.name))
    }

    fn last(&self) -> RwLockReadGuard<'_, Last> {
        self.last.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    fn is_recent(&self) -> bool {
        self.asked_at
            .is_some_and(|asked_at| asked_at.elapsed() < LEASE)
    }

    /// Takes what was heard, unless something was that was asked for later.
    fn hear(&mut self, asked_at: Instant, heard: Heard) {
        if self.asked_at.is_some_and(|later| later > asked_at) {
            return;
        }
        let known = self.server.take();
        self.server = heard.server.map(|server| {
            known
                .filter(|known| known.generation == server.generation && known.id == server.id)
                .unwrap_or_else(|| Server::heard_of(server))
        });
        self.closed = heard.closed;
        self.asked_at = Some(asked_at);
    }
}

impl Server {
    fn heard_of(server: SharedServer) -> Self {
        // Before the first there was none.
        let is_settled = server.generation == 1 || server.agreed >= LONG_AGO;
        let now = Instant::now();
        Self {
            name: format!("{}{}", server.generation, server.id).into(),
            generation: server.generation,
            id: server.id,
            settles_at: if is_settled { now } else { now + LEASE },
        }
    }

    fn is_settled(&self) -> bool {
        self.settles_at <= Instant::now()
    }
}

#[cfg(test)]
mod tests;
