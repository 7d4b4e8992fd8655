//! Moving orders through their life: locks and reads in one round trip, writes and commits in
//! another.

use async_trait::async_trait;
use domain::{
    OrderId, StatusChange, StorageError,
    ports::{OpenStatusChange, StatusChangeStore, StatusChangeUnit},
};
use futures_util::future::try_join3;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use crate::{
    database::Database,
    error::storage,
    orders,
    transaction::{BEGIN, Transaction},
};

const LOCK_ORDER: &str = "
    select id, customer_id, data_order, status, version
    from orders
    where id = $1
    for update";

/// Items are written once: they need no lock.
const READ_ITEMS: &str = "
    select id as item_id, product_id, quantidade, preco_unitario
    from itens_order
    where order_id = $1
    order by id";

const SET_STATUS: &str = "
    update orders
    set status = $2, version = $3
    where id = $1";

/// Locks in id order, as placements do: nobody waits in a circle.
const LOCK_STOCK: &str = "
    select product_id
    from stock
    where product_id = any($1)
    order by product_id
    for update";

const RETURN_STOCK: &str = "
    update stock
    set quantidade_disponivel = stock.quantidade_disponivel + returned.quantidade
    from unnest($1::uuid[], $2::bigint[]) as returned (product_id, quantidade)
    where stock.product_id = returned.product_id";

#[async_trait]
impl StatusChangeStore for Database {
    #[tracing::instrument(level = "debug", name = "db.status_changes.open", skip_all)]
    async fn open(&self, id: OrderId) -> Result<Option<OpenStatusChange>, StorageError> {
        let client = self.client().await?;
        let lock = client.prepare_cached(LOCK_ORDER).await.map_err(storage)?;
        let read = client.prepare_cached(READ_ITEMS).await.map_err(storage)?;
        let transaction = Transaction::on(client);
        let client = transaction.client();
        let id = id.as_uuid();
        let ((), locked, items) = try_join3(
            client.batch_execute(BEGIN),
            client.query_opt(&lock, &[&id]),
            client.query(&read, &[&id]),
        )
        .await
        .map_err(storage)?;
        let Some(locked) = locked else {
            transaction.abandon().await.map_err(storage)?;
            return Ok(None);
        };
        Ok(Some(OpenStatusChange {
            order: orders::order(&locked, &items)?,
            unit: Box::new(Change { transaction }),
        }))
    }
}

/// The transaction of one change of status.
struct Change {
    transaction: Transaction,
}

#[async_trait]
impl StatusChangeUnit for Change {
    #[tracing::instrument(level = "debug", name = "db.status_changes.commit", skip_all)]
    async fn commit(self: Box<Self>, change: &StatusChange) -> Result<(), StorageError> {
        let client = self.transaction.client();
        let commit = async {
            let set_status = client.prepare_cached(SET_STATUS).await?;
            let lock_stock = client.prepare_cached(LOCK_STOCK).await?;
            let return_stock = client.prepare_cached(RETURN_STOCK).await?;
            let writes = write(client, change, [&set_status, &lock_stock, &return_stock]);
            self.transaction.commit(writes).await
        };
        commit.await.map_err(storage)
    }

    async fn abandon(self: Box<Self>) -> Result<(), StorageError> {
        self.transaction.abandon().await.map_err(storage)
    }
}

/// Sends every write of a change at once.
async fn write(
    client: &Client,
    change: &StatusChange,
    [set_status, lock_stock, return_stock]: [&tokio_postgres::Statement; 3],
) -> Result<(), Error> {
    let order = &change.order;
    let (products, units): (Vec<Uuid>, Vec<i64>) = change
        .returned
        .iter()
        .map(|line| (line.product_id.as_uuid(), i64::from(line.quantity.units())))
        .unzip();
    try_join3(
        client.execute(
            set_status,
            &[
                &order.id.as_uuid(),
                &order.status.as_str(),
                &order.version.number(),
            ],
        ),
        client.execute(lock_stock, &[&products]),
        client.execute(return_stock, &[&products, &units]),
    )
    .await?;
    Ok(())
}
