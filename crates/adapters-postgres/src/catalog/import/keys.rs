//! The keys under which products are imported, and how far each import has come: the table
//! `import_keys`.

use domain::{
    StorageError,
    catalog::{Checkpoint, EarlierImport, ImportCounts},
    idempotency::{Fingerprint, ScopedKey},
};
use tokio_postgres::{Client, Error, Row};

use crate::{
    error::column,
    statements::{self, Value},
};

pub(super) const EARLIER: &str = "
    select rows, fingerprint, created, updated, unchanged, is_finished
    from import_keys
    where account_id = $1
      and key = $2";

const FIRST_CHECKPOINT: &str = "
    insert into import_keys
        (account_id, key, rows, fingerprint, created, updated, unchanged, is_finished, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, now())";

const NEXT_CHECKPOINT: &str = "
    update import_keys
    set rows = $3, fingerprint = $4, created = created + $5, updated = updated + $6,
        unchanged = unchanged + $7, is_finished = $8
    where account_id = $1
      and key = $2
      and rows = $9
      and not is_finished";

/// Keeps how far an import has come; `false` when another has come further meanwhile.
pub(super) async fn keep(
    client: &Client,
    key: &ScopedKey,
    checkpoint: Checkpoint,
    before: Option<i64>,
    counts: ImportCounts,
    is_finished: bool,
) -> Result<bool, Error> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (account_id, text) = (key.account_id.as_uuid(), key.key.as_str());
    let (rows, fingerprint) = (number(checkpoint.rows), checkpoint.fingerprint.as_bytes());
    let (created, updated) = (number(counts.created), number(counts.updated));
    let unchanged = number(counts.unchanged);
    let mut params: Vec<&dyn Value> = vec![
        &account_id,
        &text,
        &rows,
        &fingerprint,
        &created,
        &updated,
        &unchanged,
        &is_finished,
    ];
    let statement = match &before {
        None => FIRST_CHECKPOINT,
        Some(before) => {
            params.push(before);
            NEXT_CHECKPOINT
        }
    };
    Ok(statements::execute(client, statement, &params).await? == 1)
}

pub(super) fn earlier(row: &Row) -> Result<EarlierImport, StorageError> {
    let number = |name| column::<i64>(row, name).map(i64::unsigned_abs);
    Ok(EarlierImport {
        checkpoint: Checkpoint {
            rows: number("rows")?,
            fingerprint: Fingerprint::from_stored(column(row, "fingerprint")?)
                .map_err(StorageError::corrupt)?,
        },
        counts: ImportCounts {
            created: number("created")?,
            updated: number("updated")?,
            unchanged: number("unchanged")?,
        },
        is_finished: column(row, "is_finished")?,
    })
}
