//! A standby, which serves what may be a moment old (PostgreSQL manual, section 27.4). It is read as long as it
//! follows the primary closely, and whatever it cannot answer is asked of the primary.

mod reads;
mod written;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::{
    StorageError,
    values::{Freshness, LogPosition},
};
use time::OffsetDateTime;
use tokio::{sync::watch, time::timeout};
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::reads::ReadBy;
use self::{reads::Reads, written::Written};
use crate::{
    connection::Connection,
    database::{Database, PoolState, SessionError},
    error::{column, is_statement_timeout},
    pool::Pool,
};

/// A standby and what is known of it.
pub(crate) struct Standby {
    database: Database,
    max_lag: Duration,
    /// To write the time into the primary, and to ask how far it has written. Nobody else waits for it.
    primary: Pool,
    beat: Mutex<Option<Beat>>,
    /// What was seen last; `None` while it is away.
    seen: watch::Sender<Option<Seen>>,
    written: Written,
    reads: Reads,
}

/// The last time that was written into the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Beat {
    time: OffsetDateTime,
    /// When it was.
    asked: Instant,
    primary: Primary,
}

/// Whose log a standby follows: another shop may have a standby, and a former primary may have kept one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Primary {
    shop: Uuid,
    timeline: String,
}

impl Primary {
    fn of(row: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            shop: column(row, "shop")?,
            timeline: column(row, "timeline")?,
        })
    }
}

/// What was seen of a standby.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    lag: Duration,
    /// How far it has read the primary's log. `None` for one that is a primary now.
    replayed: Option<LogPosition>,
}

/// A standby as it is at this moment.
#[derive(Debug, Clone)]
pub struct StandbyState {
    /// How far it is behind at most; `None` while it is away.
    pub lag: Option<Duration>,
    /// How often who answered.
    pub reads: [(ReadBy, u64); 4],
}

/// How long it may take to look, a new connection included. Whatever takes longer is away.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long an answer may take: less, so that a connection without one is given up.
const ANSWER: Duration = Duration::from_millis(400);

/// How often the time is written while nobody follows: what follows later must find it, and not all of them.
const SELDOM: Duration = Duration::from_secs(5);

/// By how much the clocks of two primaries may differ.
const SKEW: time::Duration = time::Duration::milliseconds(100);

/// How long a list may take there: there is time left for the primary then.
const LISTS: Duration = Duration::from_secs(1);

/// How long a report, or the beginning of an export, may take there: as long as a statement.
const REPORTS: Duration = Duration::from_secs(10);

/// How long a read waits for a write that it has to show.
const WAIT_FOR_WRITE: Duration = Duration::from_millis(100);

const WAIT_INTERVAL: Duration = Duration::from_millis(5);

/// It is no use to wait until a standby has it as well.
const BEAT: &str = "
    insert into heartbeat (timeline, at)
    values (left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), clock_timestamp())
    on conflict (id) do update
    set timeline = excluded.timeline, at = excluded.at
    returning at, shop, timeline";

/// What was replayed before a promotion is no position of what came after.
const LOOK: &str = "
    select at, shop, timeline,
           case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end::text as replayed
    from heartbeat";

const REPLAYED: &str = "
    select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end::text as replayed";

impl Standby {
    pub(crate) fn new(database: Database, max_lag: Duration, primary: Pool) -> Self {
        Self {
            database,
            max_lag,
            primary,
            beat: Mutex::default(),
            seen: watch::Sender::new(None),
            written: Written::default(),
            reads: Reads::default(),
        }
    }

    /// Its connections, as they are at this moment.
    pub(crate) fn pools(&self) -> PoolState {
        PoolState::sum("standby", self.database.pools())
    }

    /// The same as of the primary, if it can be asked.
    pub(crate) async fn check_sessions(&self) -> Result<(), SessionError> {
        // A function that calls itself needs a place of its own.
        match Box::pin(self.database.check_sessions()).await {
            Err(SessionError::Storage(StorageError::Unavailable(_))) => Ok(()),
            checked => checked,
        }
    }

    /// Looks how far behind it is.
    async fn look(&self) -> Result<(), StorageError> {
        let is_away = self.seen.borrow().is_none();
        let last = self.beat().as_ref().map(|beat| beat.asked);
        let beat = if is_away && last.is_some_and(|last| last.elapsed() < SELDOM) {
            Ok(())
        } else {
            within(self.write_the_time()).await
        };
        let looked = within(self.seen_now()).await;
        self.seen.send_replace(looked.as_ref().ok().copied());
        looked.and(beat)
    }

    async fn write_the_time(&self) -> Result<(), StorageError> {
        let client = self.primary.get().await?;
        // Not later: what is behind must not seem less so.
        let asked = Instant::now();
        let rows = client.query_within(ANSWER, BEAT, &[]).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| StorageError::internal("no beat"))?;
        *self.beat() = Some(Beat {
            time: column(row, "at")?,
            asked,
            primary: Primary::of(row)?,
        });
        Ok(())
    }

    async fn seen_now(&self) -> Result<Seen, StorageError> {
        let last = self.beat().clone();
        let last = last.ok_or_else(|| StorageError::unavailable("no beat"))?;
        let client = self.database.client().await?;
        let rows = client.query_within(ANSWER, LOOK, &[]).await?;
        let at = Instant::now();
        let row = rows.first();
        let row = row.ok_or_else(|| StorageError::unavailable("it has no beat yet"))?;
        if Primary::of(row)? != last.primary {
            return Err(StorageError::unavailable("it follows another primary"));
        }
        let lag = last.time + at.duration_since(last.asked) - column::<OffsetDateTime>(row, "at")?;
        if lag < -SKEW {
            return Err(StorageError::unavailable("its time is none of the primary"));
        }
        Ok(Seen {
            at,
            lag: lag.try_into().unwrap_or_default(),
            replayed: position(row.get("replayed"))?,
        })
    }

    fn beat(&self) -> MutexGuard<'_, Option<Beat>> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it cannot show what is asked for, if it cannot.
    async fn refusal(&self, position: Option<LogPosition>) -> Option<ReadBy> {
        let Some(seen) = *self.seen.borrow() else {
            return Some(ReadBy::PrimaryForAway);
        };
        if seen.lag + seen.at.elapsed() > self.max_lag {
            return Some(ReadBy::PrimaryForLag);
        }
        let position = position?;
        let has_it = |replayed: Option<LogPosition>| replayed.is_some_and(|at| at >= position);
        if has_it(seen.replayed) {
            return None;
        }
        if seen.replayed.is_none() {
            return Some(ReadBy::PrimaryForLag);
        }
        let waiting = timeout(WAIT_FOR_WRITE, async {
            let client = self.database.client().await?;
            while !has_it(replayed(&client).await?) {
                tokio::time::sleep(WAIT_INTERVAL).await;
            }
            Ok::<_, StorageError>(())
        });
        match waiting.await {
            Ok(Ok(())) => None,
            Ok(Err(_)) | Err(_) => Some(ReadBy::PrimaryForLag),
        }
    }

    /// Reads there. `None` when it cannot go on, takes too long, or is found to be away meanwhile.
    async fn read<T>(
        &self,
        patience: Duration,
        read: impl Future<Output = Result<T, StorageError>>,
    ) -> Option<Result<T, StorageError>> {
        let mut seen = self.seen.subscribe();
        let done = tokio::select! {
            done = read => done,
            _ = seen.wait_for(Option::is_none) => return None,
            () = tokio::time::sleep(patience) => return None,
        };
        match done {
            // It would take as long there.
            Err(error) if !is_statement_timeout(&error) => None,
            done => Some(done),
        }
    }
}

/// The same, unless it takes too long.
async fn within<T>(
    looking: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    let looked = timeout(PATIENCE, looking).await;
    looked.map_err(StorageError::unavailable)?
}

async fn replayed(client: &Connection) -> Result<Option<LogPosition>, StorageError> {
    let row = client.query_opt(REPLAYED, &[]).await?;
    row.map_or(Ok(None), |row| position(row.get("replayed")))
}

fn position(text: Option<&str>) -> Result<Option<LogPosition>, StorageError> {
    let position = text.map(str::parse).transpose();
    position.map_err(StorageError::corrupt)
}

impl Database {
    /// Reads a list from the standby, if there is one that is as fresh as asked for; from the primary otherwise, and
    /// once more there when the standby cannot go on, or takes longer than a list may.
    pub(crate) async fn recent_list<T, F>(
        &self,
        freshness: Freshness,
        read: impl Fn(Self) -> F,
    ) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>>,
    {
        self.recent(freshness, LISTS, read).await
    }

    /// The same of a report, or of the beginning of an export.
    pub(crate) async fn recent_report<T, F>(
        &self,
        freshness: Freshness,
        read: impl Fn(Self) -> F,
    ) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>>,
    {
        self.recent(freshness, REPORTS, read).await
    }

    async fn recent<T, F>(
        &self,
        freshness: Freshness,
        patience: Duration,
        read: impl Fn(Self) -> F,
    ) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>>,
    {
        let (Some(standby), Freshness::Recent(position)) = (self.standby(), freshness) else {
            return read(self.clone()).await;
        };
        let by = match standby.refusal(position).await {
            Some(refused) => refused,
            None => match standby.read(patience, read(standby.database.clone())).await {
                Some(done) => {
                    standby.reads.count(ReadBy::Standby);
                    return done;
                }
                None => ReadBy::PrimaryForConflict,
            },
        };
        standby.reads.count(by);
        read(self.clone()).await
    }

    /// Looks how far behind the standby is: to be called several times within the lag that is allowed. Without one
    /// there is nothing to do.
    ///
    /// # Errors
    ///
    /// When it is away, or the primary is.
    pub async fn watch_standby(&self) -> Result<(), StorageError> {
        match self.standby() {
            Some(standby) => standby.look().await,
            None => Ok(()),
        }
    }

    /// The standby as it is at this moment, if there is one.
    #[must_use]
    pub fn standby_state(&self) -> Option<StandbyState> {
        let standby = self.standby()?;
        let seen = *standby.seen.borrow();
        Some(StandbyState {
            lag: seen.map(|seen| seen.lag + seen.at.elapsed()),
            reads: standby.reads.counted(),
        })
    }

    /// How far the log has been written: everything that was committed before this was called is before it. `None`
    /// without a standby, for then nobody needs to know.
    ///
    /// # Errors
    ///
    /// When storage fails.
    pub async fn written(&self) -> Result<Option<LogPosition>, StorageError> {
        match self.standby() {
            Some(standby) => standby.written.now(&standby.primary).await.map(Some),
            None => Ok(None),
        }
    }
}
