//! Exports: the rows of one statement, a few at a time, as of the moment at which it began.

use std::{sync::Arc, time::Duration};

use async_channel::Sender;
use domain::{StorageError, bulk::Export, values::Freshness};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::{
    database::Database,
    error::{column, storage},
    list::Conditions,
    session::LONGEST_STATEMENT,
    statements,
    transaction::{Transaction, in_time},
};

/// How many rows are asked for at once.
const ROWS: usize = 2_000;

/// How long somebody who exports may take over so many rows.
const PATIENCE: Duration = Duration::from_secs(30);

/// Rows are read in the sequence of an index, so that the first does not wait for the last to be
/// sorted. PostgreSQL waits for longer than we do between two reads: it is we who give up.
const IN_SEQUENCE: &str = "
    set transaction read only;
    set local enable_sort = off;
    set local enable_hashjoin = off;
    set local cursor_tuple_fraction = 1;
    set local idle_in_transaction_session_timeout = '60s'";

/// How rows become entities.
pub(crate) struct Entities<T> {
    /// Whether two rows, one after the other, belong to one entity.
    pub(crate) is_same: fn(&Row, &Row) -> bool,
    /// An entity from its rows.
    pub(crate) entity: fn(&Row, &[Row]) -> Result<T, StorageError>,
}

/// The entities of a statement, and how many there are by another one. Nothing is read before the
/// first of them is asked for. Then a task of its own reads, so that PostgreSQL is at the next rows
/// while something is made of these.
pub(crate) fn export<T: Send + 'static>(
    (database, freshness): (&Database, Freshness),
    statement: String,
    counted: String,
    conditions: Conditions,
    Entities { is_same, entity }: Entities<T>,
) -> Export<T> {
    let conditions = Arc::new(conditions);
    let count = count(
        database.clone(),
        freshness,
        counted,
        Arc::clone(&conditions),
    );
    let database = database.clone();
    let chunks = stream::once(async move {
        let (rows, chunks) = async_channel::bounded(1);
        tokio::spawn(async move {
            if let Err(error) = read(&database, freshness, &statement, &conditions, &rows).await {
                // Whoever exported may be gone.
                let _ = rows.send(Err(error)).await;
            }
        });
        chunks
    });
    let mut rest: Vec<Row> = Vec::new();
    let batches = chunks
        .flatten()
        .map(move |chunk: Result<Chunk, StorageError>| {
            let Chunk { rows, is_last } = chunk?;
            rest.extend(rows);
            let whole = if is_last {
                rest.len()
            } else {
                last_entity(&rest, is_same)
            };
            let batch = rest
                .get(..whole)
                .unwrap_or_default()
                .chunk_by(is_same)
                .filter_map(|rows| rows.first().map(|row| entity(row, rows)))
                .collect();
            rest.drain(..whole);
            batch
        });
    Export {
        batches: batches.boxed(),
        count: count.boxed(),
    }
}

/// The number that a statement counts.
async fn count(
    database: Database,
    freshness: Freshness,
    statement: String,
    conditions: Arc<Conditions>,
) -> Result<u64, StorageError> {
    let count = async |database: Database| {
        let client = database.bulk_client().await?;
        let row = client.query_opt(&statement, &conditions.params()).await?;
        row.ok_or_else(|| StorageError::internal("nothing was counted"))
    };
    let row = database.recent_report(freshness, count).await?;
    let count: i64 = column(&row, "count")?;
    Ok(count.unsigned_abs())
}

/// Rows that were read together.
struct Chunk {
    rows: Vec<Row>,
    is_last: bool,
}

async fn read(
    database: &Database,
    freshness: Freshness,
    statement: &str,
    conditions: &Conditions,
    chunks: &Sender<Result<Chunk, StorageError>>,
) -> Result<(), StorageError> {
    // What has begun on a standby cannot go on elsewhere, where it would be another moment.
    let (transaction, mut rows) = database
        .recent_report(freshness, async |database| {
            let begun = begin(database, statement, conditions);
            Ok(in_time(LONGEST_STATEMENT, begun).await?)
        })
        .await?;
    loop {
        let is_last = rows.len() < ROWS;
        match timeout(PATIENCE, chunks.send(Ok(Chunk { rows, is_last }))).await {
            Ok(Ok(())) if !is_last => {}
            // The last one, or nobody takes any more of them.
            Ok(_) => return Ok(transaction.abandon().await?),
            Err(_) => return Err(StorageError::unavailable("nobody takes the rows")),
        }
        // What has no answer by then, long after the end of every statement, has no server any more.
        let fetched = timeout(PATIENCE, fetch(&transaction)).await;
        rows = fetched.map_err(StorageError::unavailable)??;
    }
}

/// The transaction of an export, and its first rows.
async fn begin(
    database: Database,
    statement: &str,
    conditions: &Conditions,
) -> Result<(Transaction, Vec<Row>), StorageError> {
    let transaction = Transaction::on(database.bulk_client().await?);
    let client = transaction.client();
    client.begin().await.map_err(storage)?;
    client.batch_execute(IN_SEQUENCE).await.map_err(storage)?;
    let declared = format!("declare exported no scroll cursor for {statement}");
    let declared = statements::execute(client, &declared, &conditions.params()).await;
    declared.map_err(storage)?;
    let rows = fetch(&transaction).await?;
    Ok((transaction, rows))
}

async fn fetch(transaction: &Transaction) -> Result<Vec<Row>, StorageError> {
    let fetch = format!("fetch {ROWS} from exported");
    let rows = statements::query(transaction.client(), &fetch, &[]).await;
    rows.map_err(storage)
}

/// Where the rows of the last entity begin, to which the next chunk may add.
fn last_entity(rows: &[Row], is_same: fn(&Row, &Row) -> bool) -> usize {
    let last = rows.chunk_by(is_same).next_back();
    rows.len() - last.map_or(0, <[Row]>::len)
}
