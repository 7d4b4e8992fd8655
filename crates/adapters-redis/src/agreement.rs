//! What the replicas agree on, as far as this one has heard of it through storage: which server is the cache that
//! they share, and which parts of it are closed. Whoever finds another server in its place tells the others, and
//! all of them have left the former one before the first of them uses the new one.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};

use domain::{
    StorageError,
    cache::{Coordination, Heard, SharedServer},
};
use tokio::sync::Mutex as AsyncMutex;

/// For how long what was heard of the others counts, from the moment of asking: as long as it takes until
/// everybody knows what was told.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// How long ago they agreed on a server of which everybody has heard by now, as long as no clock of PostgreSQL's is
/// nearly as far ahead of another.
const LONG_AGO: Duration = Duration::from_secs(10);

/// How long they stay with a server before they agree on another one, should they not all reach the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest, when one goes and comes back again and again, for each change ends all entries.
const LONGEST_PATIENCE: Duration = Duration::from_mins(5);

/// What a cluster calls itself: its nodes agree on their masters by themselves.
pub(crate) const CLUSTER: &str = "cluster";

/// What was heard.
pub(crate) struct Agreement {
    coordination: Arc<dyn Coordination>,
    last: RwLock<Last>,
    /// One asks for all who wait.
    asking: AsyncMutex<()>,
    /// The server that was told to the others last, and how often.
    told: Mutex<(String, u32)>,
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
    /// How its entries begin: those of a cluster go on with the master that has them.
    name: Arc<str>,
    /// From when on no replica uses another one.
    settles_at: Instant,
}

impl Agreement {
    pub(crate) fn new(coordination: Arc<dyn Coordination>) -> Self {
        Self {
            coordination,
            last: RwLock::default(),
            asking: AsyncMutex::default(),
            told: Mutex::default(),
        }
    }

    /// The server whose entries may be read, if nobody has closed this part of it, as far as was heard within the
    /// lease.
    pub(crate) fn readable(&self, part: u64) -> Option<Arc<str>> {
        let last = self.last();
        let is_open = last.closed & part == 0 && last.is_recent();
        is_open.then(|| last.server()).flatten()
    }

    /// The server that gets what is written, as far as was heard within the lease; if nothing was, it is asked for.
    pub(crate) async fn writable(&self) -> Option<Arc<str>> {
        let known = || {
            let last = self.last();
            last.is_recent().then(|| last.server()).flatten()
        };
        if let Some(server) = known() {
            return Some(server);
        }
        let _asking = self.asking.lock().await;
        if !self.last().is_recent() {
            self.listen().await.ok()?;
        }
        known()
    }

    /// The server of which was heard last, however long ago: for what may be old.
    pub(crate) fn last_server(&self) -> Option<Arc<str>> {
        self.last().server()
    }

    /// Whether nobody has closed any part.
    pub(crate) fn is_open(&self) -> bool {
        self.readable(u64::MAX).is_some()
    }

    /// Whether they have yet to agree on their first server.
    pub(crate) fn is_missing(&self) -> bool {
        self.last().server.is_none()
    }

    /// Whether all of them share this server. If they do not, they are told of it, and may soon.
    pub(crate) async fn is_shared(&self, id: &str) -> Result<bool, StorageError> {
        if self.writable().await.is_some() && self.shares(id) == Some(true) {
            return Ok(true);
        }
        self.listen().await?;
        if let Some(is_settled) = self.shares(id) {
            return Ok(is_settled);
        }
        let generation = self.last().server.as_ref().map(|server| server.generation);
        let patience = self.patience_with(id);
        self.coordination.share(id, generation, patience).await?;
        self.listen().await?;
        if self.shares(id).is_some() {
            self.told_of(id);
        }
        Ok(self.shares(id) == Some(true))
    }

    /// How long the others may stay with theirs before they share this one.
    fn patience_with(&self, id: &str) -> Duration {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, times) = &*told;
        let returns = if before == id {
            times.saturating_sub(1)
        } else {
            0
        };
        let patience = PATIENCE.saturating_mul(1_u32.checked_shl(returns).unwrap_or(u32::MAX));
        patience.min(LONGEST_PATIENCE)
    }

    fn told_of(&self, id: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, times) = &mut *told;
        if before != id {
            id.clone_into(before);
            *times = 0;
        }
        *times = times.saturating_add(1);
    }

    /// Asks what the others have told. Returns when it asked, and which parts are closed.
    pub(crate) async fn listen(&self) -> Result<(Instant, u64), StorageError> {
        let asked_at = Instant::now();
        let heard = self.coordination.heard().await?;
        let closed = heard.closed;
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        last.hear(asked_at, heard);
        Ok((asked_at, closed))
    }

    /// Whether the server on which they agree, if it is this one, is in use.
    fn shares(&self, id: &str) -> Option<bool> {
        let last = self.last();
        let server = last.server.as_ref().filter(|server| server.id == id);
        server.map(Server::is_settled)
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

    /// How the entries of the server begin that is in use.
    fn server(&self) -> Option<Arc<str>> {
        let server = self.server.as_ref().filter(|server| server.is_settled());
        server.map(|server| Arc::clone(&server.name))
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
            name: if server.id == CLUSTER {
                format!("{}@", server.generation).into()
            } else {
                format!("{}{}", server.generation, server.id).into()
            },
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
