//! The keys under which customers, products and movements of stock were created: the table
//! `creation_keys`.

use domain::{
    StorageError,
    idempotency::{Creation, CreationKey, Fingerprint},
    identity::AccountId,
};
use time::OffsetDateTime;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use crate::{
    database::Database,
    error::column,
    statements::{Statement, Value},
};

const FIND: &str = "
    select fingerprint, entity_id, created_at
    from creation_keys
    where account_id = $1
      and kind = $2
      and key = $3";

pub(crate) const INSERT: &str = "
    insert into creation_keys (account_id, kind, key, fingerprint, entity_id, created_at)
    values ($1, $2, $3, $4, $5, $6)";

/// The kinds of entities that are created under keys.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Customer,
    Movement,
    Product,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Movement => "movement",
            Self::Product => "product",
        }
    }
}

/// Whoever signs up has no account yet.
fn account(key: &CreationKey) -> Uuid {
    key.account_id.map_or_else(Uuid::nil, AccountId::as_uuid)
}

/// What was created under this key.
pub(crate) async fn find(
    database: &Database,
    kind: Kind,
    key: &CreationKey,
) -> Result<Option<Creation>, StorageError> {
    let client = database.client().await?;
    let (account, kind, key) = (account(key), kind.as_str(), key.key.as_str());
    let row = client.query_opt(FIND, &[&account, &kind, &key]).await?;
    row.as_ref().map(creation).transpose()
}

/// Writes a key, within the transaction that creates the entity and before it: of two that are
/// created at once, the second waits here. `insert` is [`INSERT`], or that prepared.
pub(crate) async fn insert(
    client: &Client,
    insert: &Statement,
    kind: Kind,
    key: &CreationKey,
    entity_id: Uuid,
    created_at: OffsetDateTime,
) -> Result<(), Error> {
    let values: [&dyn Value; 6] = [
        &account(key),
        &kind.as_str(),
        &key.key.as_str(),
        &key.fingerprint.as_bytes(),
        &entity_id,
        &created_at,
    ];
    insert.execute(client, &values).await?;
    Ok(())
}

fn creation(row: &Row) -> Result<Creation, StorageError> {
    let fingerprint = column(row, "fingerprint")?;
    Ok(Creation {
        fingerprint: Fingerprint::from_stored(fingerprint).map_err(StorageError::corrupt)?,
        id: column(row, "entity_id")?,
        created_at: column(row, "created_at")?,
    })
}
