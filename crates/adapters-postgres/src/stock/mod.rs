//! Stock outside of orders: the tables `stock` and `stock_movements`.

mod changes;
mod ledger;
mod levels;

use async_trait::async_trait;
use domain::{
    StorageError,
    bulk::Export,
    catalog::ProductId,
    idempotency::{Creation, CreationKey},
    stock::{
        BookEntry, LedgerEntry, NewStock, ProductStock, Stock, StockChange, StockId, StockLevel,
        StockRepository,
    },
    unit_of_work::Opened,
    values::{Page, PageRequest},
};
use tokio_postgres::{Client, Error, Row};

use crate::{
    creation_keys::{self, Kind},
    database::Database,
    error::column,
    statements::{self, Statement, Value},
};

const FIND: &str = "
    select id, product_id, quantidade_disponivel
    from stock
    where product_id = $1";

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
        let row = client.query_opt(FIND, &[&product_id.as_uuid()]).await?;
        row.as_ref().map(stock).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.stock.open", skip_all)]
    async fn open(
        &self,
        product_id: ProductId,
    ) -> Result<Option<Opened<Stock, StockChange>>, StorageError> {
        changes::open(&self.database, product_id).await
    }

    #[tracing::instrument(level = "debug", name = "db.stock.recorded_under", skip_all)]
    async fn recorded_under(&self, key: &CreationKey) -> Result<Option<Creation>, StorageError> {
        creation_keys::find(&self.database, Kind::Movement, key).await
    }

    #[tracing::instrument(level = "debug", name = "db.stock.entry", skip_all)]
    async fn entry(
        &self,
        product_id: ProductId,
        movement: Creation,
    ) -> Result<Option<LedgerEntry>, StorageError> {
        ledger::find(&self.database, product_id, movement).await
    }

    #[tracing::instrument(level = "debug", name = "db.stock.ledger", skip_all)]
    async fn ledger(
        &self,
        product_id: ProductId,
        page: &PageRequest,
    ) -> Result<Page<LedgerEntry>, StorageError> {
        ledger::page(&self.database, product_id, page).await
    }

    #[tracing::instrument(level = "debug", name = "db.stock.levels", skip_all)]
    async fn levels(
        &self,
        below: StockLevel,
        page: &PageRequest,
    ) -> Result<Page<ProductStock>, StorageError> {
        let read = async |database| levels::page(&database, below, page).await;
        self.database.recent_list(page.freshness, read).await
    }

    fn books(&self) -> Export<BookEntry> {
        ledger::books(&self.database)
    }
}

/// Inserts the stock of a new product and the beginning of its ledger, within a transaction.
pub(crate) async fn insert(
    client: &Client,
    NewStock { stock, opening }: &NewStock,
) -> Result<(), Error> {
    let product_id = stock.product_id.as_uuid();
    let units = stock.available.units();
    let values: [&dyn Value; 3] = [&stock.id.as_uuid(), &product_id, &units];
    statements::execute(client, INSERT, &values).await?;
    if let Some(opening) = opening {
        changes::record(
            client,
            &Statement::Unnamed(changes::RECORD),
            product_id,
            opening,
        )
        .await?;
    }
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
