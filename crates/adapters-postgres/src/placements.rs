//! Placing orders: locks and reads in one round trip, writes and commits in another, however
//! many orders there are.

use std::collections::HashMap;

use async_trait::async_trait;
use deadpool_postgres::Object;
use domain::{
    CustomerId, Order, Price, ProductId, StorageError,
    placement::{Offer, Plan, Scope, State},
    ports::{CommitError, OpenPlacement, Placement, PlacementStore},
};
use futures_util::future::{try_join3, try_join4};
use rust_decimal::Decimal;
use time::OffsetDateTime;
use tokio_postgres::{Client, Error, Row, Statement, types::ToSql};
use uuid::Uuid;

use crate::{
    database::Database,
    error::{column, is_outdated, storage},
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

#[async_trait]
impl PlacementStore for Database {
    #[tracing::instrument(level = "debug", name = "db.placements.open", skip_all)]
    async fn open(&self, scope: &Scope) -> Result<OpenPlacement, StorageError> {
        let client = self.client().await?;
        let statements = Statements::prepare(&client).await.map_err(storage)?;
        let products: Vec<Uuid> = scope.products.iter().map(|id| id.as_uuid()).collect();
        let customers: Vec<Uuid> = scope.customers.iter().map(|id| id.as_uuid()).collect();
        let transaction = Transaction::on(client);
        let client = transaction.client();
        let ((), locked, prices, customers) = try_join4(
            client.batch_execute(BEGIN),
            client.query(&statements.lock_stock, &[&products]),
            client.query(&statements.read_prices, &[&products]),
            client.query(&statements.read_customers, &[&customers]),
        )
        .await
        .map_err(storage)?;
        Ok(OpenPlacement {
            state: state(&locked, &prices, &customers)?,
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
}

impl Statements {
    async fn prepare(client: &Object) -> Result<Self, Error> {
        Ok(Self {
            lock_stock: client.prepare_cached(LOCK_STOCK).await?,
            read_prices: client.prepare_cached(READ_PRICES).await?,
            read_customers: client.prepare_cached(READ_CUSTOMERS).await?,
            take_stock: client.prepare_cached(TAKE_STOCK).await?,
            insert_orders: client.prepare_cached(INSERT_ORDERS).await?,
            insert_items: client.prepare_cached(INSERT_ITEMS).await?,
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
        try_join3(
            client.execute(&self.take_stock, &taken),
            client.execute(&self.insert_orders, &orders),
            client.execute(&self.insert_items, &items),
        )
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

/// What the locked rows say; what is missing does not exist.
fn state(locked: &[Row], prices: &[Row], customers: &[Row]) -> Result<State, StorageError> {
    let prices = prices
        .iter()
        .map(|row| Ok((column(row, "id")?, price(row, "preco")?)));
    let prices: HashMap<Uuid, Price> = prices.collect::<Result<_, StorageError>>()?;
    let mut state = State::default();
    for row in locked {
        let id: Uuid = column(row, "product_id")?;
        if let Some(&price) = prices.get(&id) {
            let available = stock::level(row)?;
            state
                .offers
                .insert(ProductId::new(id), Offer { price, available });
        }
    }
    for row in customers {
        state.customers.insert(CustomerId::new(column(row, "id")?));
    }
    Ok(state)
}
