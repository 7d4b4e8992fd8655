//! Changes of stock outside of orders: locked in one round trip, written and committed in another.

use domain::{
    StorageError,
    audit::Action,
    catalog::ProductId,
    stock::{LedgerReason, Movement, Stock, StockChange},
    unit_of_work::Opened,
    values::Note,
};
use futures_util::future::try_join4;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::stock;
use crate::{
    audit,
    connection::Connection,
    creation_keys::{self, Kind},
    database::Database,
    statements::{Statement, Value},
    transaction::{Transaction, WritePlan, behind},
};

const LOCK: &str = "
    select id, product_id, quantidade_disponivel
    from stock
    where product_id = $1
    for update";

const SET: &str = "
    update stock
    set quantidade_disponivel = $2
    where product_id = $1";

pub(super) const RECORD: &str = "
    insert into stock_movements
        (id, product_id, moved_at, delta, reason, note, moved_by, moved_by_role)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(super) async fn open(
    database: &Database,
    product_id: ProductId,
) -> Result<Option<Opened<Stock, StockChange>>, StorageError> {
    let id = product_id.as_uuid();
    let lock = async |client| Transaction::lock(client, LOCK, &[&id]).await;
    let (transaction, row) = database.lock_patiently(lock).await?;
    let Some(row) = row else {
        transaction.abandon().await?;
        return Ok(None);
    };
    Ok(Some(Opened {
        state: stock(&row)?,
        unit: Box::new(transaction),
    }))
}

/// Writes a movement of this product, within a transaction. `record` is [`RECORD`], or that prepared.
pub(super) async fn record(
    client: &Client,
    record: &Statement,
    product_id: Uuid,
    movement: &Movement,
) -> Result<(), Error> {
    let values: [&dyn Value; 8] = [
        &movement.id.as_uuid(),
        &product_id,
        &movement.at,
        &movement.delta,
        &movement.reason.as_str(),
        &movement.note.as_ref().map(Note::as_str),
        &movement.by.account_id.as_uuid(),
        &movement.by.role.as_str(),
    ];
    record.execute(client, &values).await?;
    Ok(())
}

/// The statements that write a change, prepared once per connection.
pub(crate) struct Writes {
    keep_key: Option<Statement>,
    set: Statement,
    record: Statement,
    audit: Option<Statement>,
}

fn audited(change: &StockChange) -> audit::Entries<'_> {
    let movement = &change.movement;
    let action = match movement.reason {
        LedgerReason::Count => Action::StockCount,
        _ => Action::StockMove,
    };
    let product_id = change.stock.product_id.as_uuid();
    audit::Entries::one(movement.at, &movement.by, action, product_id)
}

impl WritePlan for StockChange {
    type Statements = Writes;

    async fn prepare(&self, client: &Connection) -> Result<Writes, Error> {
        Ok(Writes {
            keep_key: match self.key {
                Some(_) => Some(client.prepare(creation_keys::INSERT).await?),
                None => None,
            },
            set: client.prepare(SET).await?,
            record: client.prepare(RECORD).await?,
            audit: audited(self).prepare(client).await?,
        })
    }

    #[tracing::instrument(level = "debug", name = "db.stock.write", skip_all)]
    async fn write(&self, client: &Client, statements: &Writes) -> Result<(), Error> {
        let product_id = self.stock.product_id.as_uuid();
        let units = self.stock.available.units();
        let (id, at) = (self.movement.id.as_uuid(), self.movement.at);
        let keep_key = async {
            match (&self.key, &statements.keep_key) {
                (Some(key), Some(insert)) => {
                    creation_keys::insert(client, insert, Kind::Movement, key, id, at).await
                }
                _ => Ok(()),
            }
        };
        let set = async { statements.set.execute(client, &[&product_id, &units]).await };
        let audited = audited(self);
        try_join4(
            keep_key,
            behind(set),
            behind(record(
                client,
                &statements.record,
                product_id,
                &self.movement,
            )),
            behind(audited.write(client, statements.audit.as_ref())),
        )
        .await?;
        Ok(())
    }
}
