//! Placing orders: locks and reads in one round trip, writes and commits in another, however
//! many orders there are.

use std::collections::HashMap;

use async_trait::async_trait;
use deadpool_postgres::Object;
use domain::{
    AccountId, CustomerId, Fingerprint, IdempotencyKey, KeyOwner, Order, OrderId, Price, ProductId,
    StorageError,
    placement::{Keyed, Offer, Plan, Scope, State},
    ports::{CommitError, OpenPlacement, Placement, PlacementStore},
};
use futures_util::future::{try_join4, try_join5};
use rust_decimal::Decimal;
use time::OffsetDateTime;
use tokio_postgres::{Client, Error, Row, Statement, types::ToSql};
use uuid::Uuid;

use crate::{
    database::Database,
    error::{column, is_outdated, storage},
    orders,
    products::price,
    stock,
    transaction::{BEGIN, Transaction},
};

/// Locks in id order: whoever else locks does it in the same order, so nobody waits in a circle.
const LOCK_STOCK: &str = "
    select product_id, quantidade_disponivel
    from stock
    where product_id = any($1)
    order by product_id
    for update";

/// Runs after the locks were granted, and so sees what was committed until then.
const READ_PRICES: &str = "
    select id, preco
    from products
    where id = any($1)";

const READ_CUSTOMERS: &str = "
    select id
    from customers
    where id = any($1)";

/// What was placed before under these keys: a row for each item.
const READ_KEYED: &str = "
    select keys.account_id, keys.key, keys.fingerprint,
           orders.id, customer_id, data_order, status, version,
           itens_order.id as item_id, product_id, quantidade, preco_unitario
    from unnest($1::uuid[], $2::text[]) as asked (account_id, key)
    join idempotency_keys as keys
      on keys.account_id = asked.account_id
     and keys.key = asked.key
    join orders on orders.id = keys.order_id
    join itens_order on itens_order.order_id = orders.id
    order by keys.account_id, keys.key, itens_order.id";

const TAKE_STOCK: &str = "
    update stock
    set quantidade_disponivel = stock.quantidade_disponivel - taken.quantidade
    from unnest($1::uuid[], $2::bigint[]) as taken (product_id, quantidade)
    where stock.product_id = taken.product_id";

const INSERT_ORDERS: &str = "
    insert into orders (id, customer_id, data_order, status, version)
    select id, customer_id, data_order, status, version
    from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[])
        as placed (id, customer_id, data_order, status, version)";

const INSERT_ITEMS: &str = "
    insert into itens_order (id, order_id, product_id, quantidade, preco_unitario)
    select id, order_id, product_id, quantidade, preco_unitario
    from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::numeric[])
        as placed (id, order_id, product_id, quantidade, preco_unitario)";

const INSERT_KEYS: &str = "
    insert into idempotency_keys (account_id, key, fingerprint, order_id, created_at)
    select account_id, key, fingerprint, order_id, now()
    from unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[])
        as placed (account_id, key, fingerprint, order_id)";

#[async_trait]
impl PlacementStore for Database {
    #[tracing::instrument(level = "debug", name = "db.placements.open", skip_all)]
    async fn open(&self, scope: &Scope) -> Result<OpenPlacement, StorageError> {
        let client = self.client().await?;
        let statements = Statements::prepare(&client, scope).await.map_err(storage)?;
        let transaction = Transaction::on(client);
        let read = statements.read(transaction.client(), scope);
        let state = state(&read.await.map_err(storage)?)?;
        Ok(OpenPlacement {
            state,
            unit: Box::new(Batch {
                transaction,
                statements,
            }),
        })
    }
}

/// The transaction of one batch.
struct Batch {
    transaction: Transaction,
    statements: Statements,
}

#[async_trait]
impl Placement for Batch {
    #[tracing::instrument(level = "debug", name = "db.placements.commit", skip_all)]
    async fn commit(self: Box<Self>, plan: &Plan) -> Result<(), CommitError> {
        let writes = self.statements.write(self.transaction.client(), plan);
        self.transaction.commit(writes).await.map_err(|error| {
            if is_outdated(&error) {
                CommitError::Rejected(error.into())
            } else {
                storage(error).into()
            }
        })
    }

    async fn abandon(self: Box<Self>) -> Result<(), StorageError> {
        self.transaction.abandon().await.map_err(storage)
    }
}

/// The statements of a placement, prepared once a connection.
struct Statements {
    lock_stock: Statement,
    read_prices: Statement,
    read_customers: Statement,
    take_stock: Statement,
    insert_orders: Statement,
    insert_items: Statement,
    /// For batches in which there are keys.
    keyed: Option<KeyStatements>,
}

struct KeyStatements {
    read: Statement,
    insert: Statement,
}

/// The rows that a batch is decided on.
struct Rows {
    stock: Vec<Row>,
    prices: Vec<Row>,
    customers: Vec<Row>,
    keyed: Vec<Row>,
}

impl Statements {
    async fn prepare(client: &Object, scope: &Scope) -> Result<Self, Error> {
        let keyed = if scope.keys.is_empty() {
            None
        } else {
            Some(KeyStatements {
                read: client.prepare_cached(READ_KEYED).await?,
                insert: client.prepare_cached(INSERT_KEYS).await?,
            })
        };
        Ok(Self {
            lock_stock: client.prepare_cached(LOCK_STOCK).await?,
            read_prices: client.prepare_cached(READ_PRICES).await?,
            read_customers: client.prepare_cached(READ_CUSTOMERS).await?,
            take_stock: client.prepare_cached(TAKE_STOCK).await?,
            insert_orders: client.prepare_cached(INSERT_ORDERS).await?,
            insert_items: client.prepare_cached(INSERT_ITEMS).await?,
            keyed,
        })
    }

    /// Begins, locks, and then reads, all sent at once.
    async fn read(&self, client: &Client, scope: &Scope) -> Result<Rows, Error> {
        let products: Vec<Uuid> = scope.products.iter().map(|id| id.as_uuid()).collect();
        let customers: Vec<Uuid> = scope.customers.iter().map(|id| id.as_uuid()).collect();
        let keyed = async {
            let Some(statements) = &self.keyed else {
                return Ok(Vec::new());
            };
            let (accounts, keys): (Vec<Uuid>, Vec<&str>) = scope
                .keys
                .iter()
                .map(|owner| (owner.account_id.as_uuid(), owner.key.as_str()))
                .unzip();
            client.query(&statements.read, &[&accounts, &keys]).await
        };
        let ((), stock, prices, customers, keyed) = try_join5(
            client.batch_execute(BEGIN),
            client.query(&self.lock_stock, &[&products]),
            client.query(&self.read_prices, &[&products]),
            client.query(&self.read_customers, &[&customers]),
            keyed,
        )
        .await?;
        Ok(Rows {
            stock,
            prices,
            customers,
            keyed,
        })
    }

    /// Sends every write of a plan at once.
    async fn write(&self, client: &Client, plan: &Plan) -> Result<(), Error> {
        let (products, units): (Vec<_>, Vec<_>) = plan
            .taken()
            .into_iter()
            .map(|(product, units)| (product.as_uuid(), units))
            .unzip();
        let orders = OrderColumns::of(plan.accepted());
        let items = ItemColumns::of(plan.accepted());
        let (taken, orders, items): ([&(dyn ToSql + Sync); 2], _, _) =
            ([&products, &units], orders.params(), items.params());
        try_join4(
            client.execute(&self.take_stock, &taken),
            client.execute(&self.insert_orders, &orders),
            client.execute(&self.insert_items, &items),
            self.write_keys(client, plan),
        )
        .await?;
        Ok(())
    }

    async fn write_keys(&self, client: &Client, plan: &Plan) -> Result<(), Error> {
        let Some(statements) = &self.keyed else {
            return Ok(());
        };
        let columns = KeyColumns::of(plan.keys());
        client
            .execute(&statements.insert, &columns.params())
            .await?;
        Ok(())
    }
}

/// Orders, column by column.
#[derive(Default)]
struct OrderColumns {
    ids: Vec<Uuid>,
    customers: Vec<Uuid>,
    placed_at: Vec<OffsetDateTime>,
    statuses: Vec<&'static str>,
    versions: Vec<i64>,
}

impl OrderColumns {
    fn of<'a>(orders: impl Iterator<Item = &'a Order>) -> Self {
        let mut columns = Self::default();
        for order in orders {
            columns.ids.push(order.id.as_uuid());
            columns.customers.push(order.customer_id.as_uuid());
            columns.placed_at.push(order.placed_at);
            columns.statuses.push(order.status.as_str());
            columns.versions.push(order.version.number());
        }
        columns
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.ids,
            &self.customers,
            &self.placed_at,
            &self.statuses,
            &self.versions,
        ]
    }
}

/// The items of orders, column by column.
#[derive(Default)]
struct ItemColumns {
    ids: Vec<Uuid>,
    orders: Vec<Uuid>,
    products: Vec<Uuid>,
    quantities: Vec<i64>,
    unit_prices: Vec<Decimal>,
}

impl ItemColumns {
    fn of<'a>(orders: impl Iterator<Item = &'a Order>) -> Self {
        let mut columns = Self::default();
        for order in orders {
            for item in &order.items {
                columns.ids.push(item.id.as_uuid());
                columns.orders.push(order.id.as_uuid());
                columns.products.push(item.product_id.as_uuid());
                columns.quantities.push(item.quantity.units().into());
                columns.unit_prices.push(item.unit_price.as_decimal());
            }
        }
        columns
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.ids,
            &self.orders,
            &self.products,
            &self.quantities,
            &self.unit_prices,
        ]
    }
}

/// The keys of orders, column by column.
#[derive(Default)]
struct KeyColumns<'a> {
    accounts: Vec<Uuid>,
    keys: Vec<&'a str>,
    fingerprints: Vec<&'a [u8]>,
    orders: Vec<Uuid>,
}

impl<'a> KeyColumns<'a> {
    fn of(keys: &'a [(KeyOwner, Fingerprint, OrderId)]) -> Self {
        let mut columns = Self::default();
        for (owner, fingerprint, order_id) in keys {
            columns.accounts.push(owner.account_id.as_uuid());
            columns.keys.push(owner.key.as_str());
            columns.fingerprints.push(fingerprint.as_bytes());
            columns.orders.push(order_id.as_uuid());
        }
        columns
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.accounts, &self.keys, &self.fingerprints, &self.orders]
    }
}

/// Writes orders that were placed elsewhere, their stock not being touched.
pub(crate) async fn insert_orders<'a>(
    client: &Client,
    orders: impl Iterator<Item = &'a Order> + Clone,
) -> Result<(), Error> {
    let columns = OrderColumns::of(orders.clone());
    client.execute(INSERT_ORDERS, &columns.params()).await?;
    let columns = ItemColumns::of(orders);
    client.execute(INSERT_ITEMS, &columns.params()).await?;
    Ok(())
}

/// What the rows say; what is missing does not exist.
fn state(rows: &Rows) -> Result<State, StorageError> {
    let prices = rows
        .prices
        .iter()
        .map(|row| Ok((column(row, "id")?, price(row, "preco")?)));
    let prices: HashMap<Uuid, Price> = prices.collect::<Result<_, StorageError>>()?;
    let mut state = State::default();
    for row in &rows.stock {
        let id: Uuid = column(row, "product_id")?;
        if let Some(&price) = prices.get(&id) {
            let available = stock::level(row)?;
            state
                .offers
                .insert(ProductId::new(id), Offer { price, available });
        }
    }
    for row in &rows.customers {
        state.customers.insert(CustomerId::new(column(row, "id")?));
    }
    for items in rows.keyed.chunk_by(is_same_order) {
        if let Some(first) = items.first() {
            let (owner, keyed) = keyed(first, items)?;
            state.keyed.insert(owner, keyed);
        }
    }
    Ok(state)
}

/// Whether two rows are items of one order.
fn is_same_order(a: &Row, b: &Row) -> bool {
    let id = |row| column::<Uuid>(row, "id").ok();
    id(a) == id(b)
}

fn keyed(row: &Row, items: &[Row]) -> Result<(KeyOwner, Keyed), StorageError> {
    let owner = KeyOwner {
        account_id: AccountId::new(column(row, "account_id")?),
        key: IdempotencyKey::parse(column(row, "key")?).map_err(StorageError::corrupt)?,
    };
    let fingerprint = column(row, "fingerprint")?;
    let keyed = Keyed {
        fingerprint: Fingerprint::from_stored(fingerprint).map_err(StorageError::corrupt)?,
        order: orders::order(row, items)?,
    };
    Ok((owner, keyed))
}
