//! How Redis is used again after it failed.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::Inner;
use crate::{availability::Missed, failure::Failure, parts::Part, scripts::KEEP_NEWER};

/// How long to wait before trying a Redis once more that is not back yet.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// How old connections to a cluster are before they are left, for they may know of a node that hangs and not of who
/// has taken its place.
const CLUSTERED: Duration = Duration::from_secs(2);

/// Retries a part until it can be written and is what the other replicas share, writes the versions that it
/// missed, and, when none are left, lets it be read again. Ends when the store is dropped.
pub(super) async fn wait_until_up(store: Weak<Inner>, part: Arc<Part>) {
    sleep(part.backoff.failed(Instant::now())).await;
    loop {
        let Some(store) = store.upgrade() else { return };
        if !store.is_usable(&part).await {
            part.availability.forget_expired();
            drop(store);
            sleep(RETRY_INTERVAL).await;
            continue;
        }
        while let Some(missed) = part.availability.take_missed_or_go_up() {
            if let Err((unwritten, failure)) = store.write_missed(missed).await {
                tracing::debug!(
                    error = %failure,
                    "Redis is gone again"
                );
                part.availability.put_back(unwritten);
                break;
            }
        }
        if part.availability.is_up() {
            tracing::info!("Redis answers again");
            part.backoff.up(Instant::now());
            part.open_if_up().await;
            return;
        }
        drop(store);
        sleep(RETRY_INTERVAL).await;
    }
}

impl Inner {
    /// Whether a part can be written, by connections of now, and is what the other replicas share.
    async fn is_usable(&self, part: &Part) -> bool {
        let age = if self.commands.is_cluster() {
            CLUSTERED
        } else {
            Duration::ZERO
        };
        let id = match self.commands.renew(age) {
            Ok(()) => self.identify(part).await,
            Err(error) => Err(error.into()),
        };
        let Ok(id) = id else { return false };
        let is_shared = self.agreement.is_shared(&id).await;
        is_shared.unwrap_or(false)
    }

    /// Writes an empty entry for every missed version. On a failure, returns those that are not
    /// written.
    async fn write_missed(
        &self,
        missed: HashMap<String, Missed>,
    ) -> Result<(), (HashMap<String, Missed>, Failure)> {
        let Some(master) = self.agreement.writable().await else {
            return Err((missed, Failure::Disagreement));
        };
        let now = Instant::now();
        let mut missed = missed.into_iter();
        while let Some((key, entry)) = missed.next() {
            let ttl = entry.until.saturating_duration_since(now);
            let version = (entry.version, [].as_slice());
            let written = self.store(&KEEP_NEWER, &key, &master, version, ttl);
            if let Err(failure) = written.await {
                let unwritten = std::iter::once((key, entry)).chain(missed).collect();
                return Err((unwritten, failure));
            }
        }
        Ok(())
    }
}
