//! Stock outside of orders: the table `stock`.

use async_trait::async_trait;
use deadpool_postgres::Object;
use domain::{
    StorageError,
    catalog::ProductId,
    stock::{Stock, StockId, StockLevel, StockRepository},
};
use tokio_postgres::{Client, Error, Row};

use crate::{
    database::Database,
    error::{column, storage},
    statements::query_opt,
};

const FIND: &str = "
    select id, product_id, quantidade_disponivel
    from stock
    where product_id = $1";

const SET: &str = "
    update stock
    set quantidade_disponivel = $2
    where product_id = $1
    returning id, product_id, quantidade_disponivel";

const INSERT: &str = "
    insert into stock (id, product_id, quantidade_disponivel)
    values ($1, $2, $3)";

/// Stock in PostgreSQL.
#[derive(Clone)]
pub struct PgStock {
    database: Database,
}

impl PgStock {
    /// Stores stock in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }
}

#[async_trait]
impl StockRepository for PgStock {
    #[tracing::instrument(level = "debug", name = "db.stock.find", skip_all)]
    async fn find(&self, product_id: ProductId) -> Result<Option<Stock>, StorageError> {
        let client = self.database.client().await?;
        let row = query_opt(&client, FIND, &[&product_id.as_uuid()]).await;
        let row = row.map_err(storage)?;
        row.as_ref().map(stock).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.stock.set", skip_all)]
    async fn set(
        &self,
        product_id: ProductId,
        available: StockLevel,
    ) -> Result<Option<Stock>, StorageError> {
        let set = |client: Object| async move {
            let (product_id, units) = (product_id.as_uuid(), available.units());
            query_opt(&client, SET, &[&product_id, &units]).await
        };
        let row = self.database.lock_patiently(set).await?;
        row.as_ref().map(stock).transpose()
    }
}

/// Inserts the stock of a new product, within a transaction.
pub(crate) async fn insert(client: &Client, stock: &Stock) -> Result<(), Error> {
    let units = stock.available.units();
    client
        .execute(
            INSERT,
            &[&stock.id.as_uuid(), &stock.product_id.as_uuid(), &units],
        )
        .await?;
    Ok(())
}

fn stock(row: &Row) -> Result<Stock, StorageError> {
    Ok(Stock {
        id: StockId::new(column(row, "id")?),
        product_id: ProductId::new(column(row, "product_id")?),
        available: level(row)?,
    })
}

/// Reads the column that holds the units that can be ordered.
pub(crate) fn level(row: &Row) -> Result<StockLevel, StorageError> {
    StockLevel::from_stored(column(row, "quantidade_disponivel")?).map_err(StorageError::corrupt)
}
