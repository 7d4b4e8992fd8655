//! Which credentials were revoked, known to every replica without asking for each request.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Revocations, RevokedSince, RevokedUpTo, SessionId};
use crate::{Clock, StorageError};

/// The revocations of late, in memory. A task reads them twice a second ([`Self::listen`]), in place
/// of `LISTEN`: nothing is missed when a connection breaks, it works through poolers, and that it was
/// read is the proof that storage is still heard.
///
/// When storage was silent for longer than [`MAX_SILENCE`], nothing is taken on faith any more: each
/// credential is looked up. It is the same at the start.
pub struct LiveCredentials {
    revocations: Arc<dyn Revocations>,
    clock: Arc<dyn Clock>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// When storage was last asked, and answered.
    heard_at: Option<OffsetDateTime>,
    up_to: Option<RevokedUpTo>,
    /// How many readings there were.
    readings: Reading,
    /// By id, when it was heard, and with which reading.
    revoked: HashMap<Uuid, (OffsetDateTime, Reading)>,
}

/// A number of a reading. What is looked up after it is not older than what it told.
pub(in crate::identity) type Reading = u64;

/// How long storage may be silent before nothing is taken on faith.
const MAX_SILENCE: Duration = Duration::seconds(10);

/// How long access tokens are valid at most, also those that were issued under other settings: what was
/// revoked before needs no remembering.
const TOKENS_LIVE: Duration = Duration::days(1);

/// How far the clocks of replicas and storage may be apart.
const CLOCK_SKEW: Duration = Duration::minutes(5);

impl LiveCredentials {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(revocations: Arc<dyn Revocations>, clock: Arc<dyn Clock>) -> Self {
        Self {
            revocations,
            clock,
            known: RwLock::default(),
        }
    }

    /// Reads what was revoked since the last time.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn listen(&self) -> Result<(), StorageError> {
        let asked_at = self.clock.now();
        let not_before = asked_at - TOKENS_LIVE - CLOCK_SKEW;
        let up_to = self.read(|known, _| known.up_to);
        let since = up_to.map_or(RevokedSince::Moment(not_before), RevokedSince::Reading);
        let news = self.revocations.since(since).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known
            .revoked
            .retain(|_, (heard_at, _)| *heard_at >= not_before);
        known.readings += 1;
        let reading = known.readings;
        let heard = news.ids.into_iter().map(|id| (id, (asked_at, reading)));
        known.revoked.extend(heard);
        // A storage that went back, as one that was restored does, is read anew from its beginning.
        let went_back = known.up_to.is_some_and(|up_to| news.up_to < up_to);
        known.up_to = (!went_back).then_some(news.up_to);
        known.heard_at = Some(asked_at);
        Ok(())
    }

    /// Reads what this replica has just revoked. If that fails, it is heard with the next reading.
    pub(in crate::identity) async fn hear_at_once(&self) {
        let _ = self.listen().await;
    }

    /// Whether this session has not ended, as far as storage has told within [`MAX_SILENCE`].
    ///
    /// # Errors
    ///
    /// When storage was silent, and fails now.
    pub async fn is_live(&self, id: SessionId) -> Result<bool, StorageError> {
        let of = |known: &Known, now| (known.was_revoked(id.as_uuid()), known.is_heard(now));
        match self.read(of) {
            (true, _) => Ok(false),
            (false, true) => Ok(true),
            (false, false) => self.revocations.is_live(id).await,
        }
    }

    /// The latest reading, if storage was heard lately.
    pub(in crate::identity) fn reading(&self) -> Option<Reading> {
        self.read(|known, now| known.is_heard(now).then_some(known.readings))
    }

    /// Whether what was looked up of a credential after this reading, at most [`CLOCK_SKEW`] ago,
    /// still holds, as far as storage has told within [`MAX_SILENCE`].
    pub(in crate::identity) fn holds(&self, id: Uuid, since: Reading) -> bool {
        self.read(|known, now| {
            let revoked = known.revoked.get(&id);
            known.is_heard(now) && revoked.is_none_or(|(_, reading)| *reading <= since)
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Known, OffsetDateTime) -> T) -> T {
        let now = self.clock.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        read(&known, now)
    }
}

impl Known {
    fn was_revoked(&self, id: Uuid) -> bool {
        self.revoked.contains_key(&id)
    }

    /// Whether storage was heard lately.
    fn is_heard(&self, now: OffsetDateTime) -> bool {
        self.heard_at.is_some_and(|heard_at| {
            let silent = now - heard_at;
            // A clock that was set back proves nothing.
            !silent.is_negative() && silent <= MAX_SILENCE
        })
    }
}

#[cfg(test)]
mod tests;
