//! Orders: the tables `orders` and `itens_order`.

mod columns;
mod history;
mod idempotency_keys;
mod list;
mod placements;
mod transitions;

use async_trait::async_trait;
use domain::{
    StorageError,
    bulk::Export,
    catalog::ProductId,
    customers::CustomerId,
    orders::{
        History, HistoryEntry, Order, OrderId, OrderItem, OrderItemId, OrderRepository, OrderSort,
        OrderStatus, OrdersFilter,
    },
    values::{Freshness, Page, PageRequest, Quantity, Sort, Version},
};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{catalog::price, database::Database, error::column};

const FIND: &str = "
    select orders.id, customer_id, data_order, status, version,
           itens_order.id as item_id, product_id, quantidade, preco_unitario
    from orders
    join itens_order on itens_order.order_id = orders.id
    where orders.id = $1
    order by itens_order.id";

/// Orders in PostgreSQL.
#[derive(Clone)]
pub struct PgOrders {
    database: Database,
}

impl PgOrders {
    /// Stores orders in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }
}

#[async_trait]
impl OrderRepository for PgOrders {
    #[tracing::instrument(level = "debug", name = "db.orders.find", skip_all)]
    async fn find(&self, id: OrderId) -> Result<Option<Order>, StorageError> {
        let client = self.database.client().await?;
        let rows = client.query(FIND, &[&id.as_uuid()]).await?;
        rows.first().map(|first| order(first, &rows)).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.orders.page", skip_all)]
    async fn page(
        &self,
        filter: &OrdersFilter,
        sort: Sort<OrderSort>,
        page: &PageRequest,
    ) -> Result<Page<Order>, StorageError> {
        let read = async |database| list::page(&database, filter, sort, page).await;
        self.database.recent_list(page.freshness, read).await
    }

    fn export(&self, filter: OrdersFilter, freshness: Freshness) -> Export<Order> {
        list::export((&self.database, freshness), &filter)
    }

    fn histories(&self, customer_id: CustomerId) -> Export<(OrderId, HistoryEntry)> {
        history::of_customer(&self.database, customer_id)
    }

    #[tracing::instrument(level = "debug", name = "db.orders.history", skip_all)]
    async fn history(&self, id: OrderId) -> Result<Option<History>, StorageError> {
        history::find(&self.database, id).await
    }
}

/// An order from its row and the rows of its items.
fn order(row: &Row, items: &[Row]) -> Result<Order, StorageError> {
    Ok(Order {
        id: OrderId::new(column(row, "id")?),
        customer_id: CustomerId::new(column(row, "customer_id")?),
        placed_at: column(row, "data_order")?,
        status: status(row)?,
        items: items.iter().map(item).collect::<Result<_, _>>()?,
        version: Version::parse(column(row, "version")?).map_err(StorageError::corrupt)?,
    })
}

/// Reads the column that holds a status.
fn status(row: &Row) -> Result<OrderStatus, StorageError> {
    let status: &str = column(row, "status")?;
    status.parse().map_err(StorageError::corrupt)
}

/// Whether two rows belong to one order.
fn is_same_order(a: &Row, b: &Row) -> bool {
    let id = |row| column::<Uuid>(row, "id").ok();
    id(a) == id(b)
}

fn item(row: &Row) -> Result<OrderItem, StorageError> {
    let quantity: i32 = column(row, "quantidade")?;
    Ok(OrderItem {
        id: OrderItemId::new(column(row, "item_id")?),
        product_id: ProductId::new(column(row, "product_id")?),
        quantity: Quantity::from_stored(quantity.into()).map_err(StorageError::corrupt)?,
        unit_price: price(row, "preco_unitario")?,
    })
}
