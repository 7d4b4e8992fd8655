//! The positions of writes.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{StorageError, values::LogPosition};
use tokio::sync::Mutex;

use super::{ANSWER, position};
use crate::pool::Pool;

/// What was committed before has a lower position.
const WRITTEN: &str = "select pg_current_wal_insert_lsn()::text as written";

/// How far the primary's log has been written. Whoever asks while another one does gets the answer to a question
/// that was put after theirs: what they had written by then is in it.
#[derive(Default)]
pub(super) struct Written {
    /// How often it was asked.
    asked: AtomicU64,
    /// The last answer, and to which question.
    last: Mutex<Option<(u64, LogPosition)>>,
}

impl Written {
    pub(super) async fn now(&self, primary: &Pool) -> Result<LogPosition, StorageError> {
        let before = self.asked.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some((question, position)) = *last
            && question > before
        {
            return Ok(position);
        }
        let question = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let client = primary.get().await?;
        let rows = client.query_within(ANSWER, WRITTEN, &[]).await?;
        let written = rows.first().map(|row| position(row.get("written")));
        let written = written.transpose()?.flatten();
        let written = written.ok_or_else(|| StorageError::internal("no position"))?;
        *last = Some((question, written));
        Ok(written)
    }
}
