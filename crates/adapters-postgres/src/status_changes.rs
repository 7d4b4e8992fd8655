//! Moving orders through their life: locks and reads in one round trip, writes and commits in
//! another.

use async_trait::async_trait;
use deadpool_postgres::Object;
use domain::{
    MoveLocks, OrderId, StatusChange, StorageError,
    ports::{OpenStatusChange, StatusChangeStore, StatusChangeUnit},
};
use futures_util::future::{try_join, try_join4};
use tokio_postgres::{Client, Error, Row, Statement, types::ToSql};
use uuid::Uuid;

use crate::{
    database::Database,
    error::{is_stale_statement, storage},
    orders, sales,
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
    where product_id = any(array(
        select product_id
        from itens_order
        where order_id = $1
    ))
    order by product_id
    for update";

const RETURN_STOCK: &str = "
    update stock
    set quantidade_disponivel = stock.quantidade_disponivel + returned.quantidade
    from unnest($1::uuid[], $2::bigint[]) as returned (product_id, quantidade)
    where stock.product_id = any(array[returned.product_id])";

#[async_trait]
impl StatusChangeStore for Database {
    #[tracing::instrument(level = "debug", name = "db.status_changes.open", skip_all)]
    async fn open(
        &self,
        id: OrderId,
        locks: MoveLocks,
    ) -> Result<Option<OpenStatusChange>, StorageError> {
        let open = |client| open(client, id.as_uuid(), locks);
        let Opened {
            transaction,
            order,
            items,
        } = self.lock_patiently(open).await?;
        let Some(order) = order else {
            transaction.abandon().await.map_err(storage)?;
            return Ok(None);
        };
        Ok(Some(OpenStatusChange {
            order: orders::order(&order, &items)?,
            unit: Box::new(Change { transaction }),
        }))
    }
}

/// What was locked and read.
struct Opened {
    transaction: Transaction,
    order: Option<Row>,
    items: Vec<Row>,
}

/// Begins, locks and reads; statements that a change of their table has outdated are prepared anew.
async fn open(client: Object, id: Uuid, locks: MoveLocks) -> Result<Opened, Error> {
    let transaction = Transaction::on(client);
    let client = transaction.client();
    let rows = match read(client, id, locks).await {
        Err(error) if is_stale_statement(&error) => {
            client.batch_execute("rollback").await?;
            client.statement_cache.clear();
            read(client, id, locks).await
        }
        Err(error) => {
            // The connection is good, and is wanted for the next try.
            transaction.abandon().await?;
            return Err(error);
        }
        read => read,
    };
    let (order, items) = rows?;
    Ok(Opened {
        transaction,
        order,
        items,
    })
}

/// Begins, locks, and then reads, all sent at once.
async fn read(
    client: &Object,
    id: Uuid,
    locks: MoveLocks,
) -> Result<(Option<Row>, Vec<Row>), Error> {
    let lock_order = client.prepare_cached(LOCK_ORDER).await?;
    let lock_stock = match locks {
        MoveLocks::Order => None,
        MoveLocks::OrderAndStock => Some(client.prepare_cached(LOCK_STOCK).await?),
    };
    let read_items = client.prepare_cached(READ_ITEMS).await?;
    let stock = async {
        match &lock_stock {
            Some(lock) => client.execute(lock, &[&id]).await,
            None => Ok(0),
        }
    };
    let ((), order, _, items) = try_join4(
        client.batch_execute(BEGIN),
        client.query_opt(&lock_order, &[&id]),
        stock,
        client.query(&read_items, &[&id]),
    )
    .await?;
    Ok((order, items))
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
            let return_stock = client.prepare_cached(RETURN_STOCK).await?;
            let tell_sales = client.prepare_cached(sales::TELL).await?;
            let writes = write(client, change, &set_status, &return_stock, &tell_sales);
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
    set_status: &Statement,
    return_stock: &Statement,
    tell_sales: &Statement,
) -> Result<(), Error> {
    let order = &change.order;
    let (id, status, version) = (
        order.id.as_uuid(),
        order.status.as_str(),
        order.version.number(),
    );
    let (products, units): (Vec<Uuid>, Vec<i64>) = change
        .returned
        .iter()
        .map(|line| (line.product_id.as_uuid(), i64::from(line.quantity.units())))
        .unzip();
    let status: [&(dyn ToSql + Sync); 3] = [&id, &status, &version];
    let returned: [&(dyn ToSql + Sync); 2] = [&products, &units];
    let back: Vec<i64> = units.iter().map(|units| -units).collect();
    let sold: [&(dyn ToSql + Sync); 3] = [&order.placed_at.date(), &products, &back];
    let take_back = async {
        if change.returned.is_empty() {
            return Ok(0);
        }
        try_join(
            client.execute(return_stock, &returned),
            client.execute(tell_sales, &sold),
        )
        .await?;
        Ok(0)
    };
    try_join(client.execute(set_status, &status), take_back).await?;
    Ok(())
}
