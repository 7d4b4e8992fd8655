//! The catalogue: the table `products`, read together with `stock`, and best sellers.

mod best_sellers;
mod reader;
pub(crate) mod sales;

use async_trait::async_trait;
use domain::{
    StorageError,
    catalog::{Product, ProductId, ProductRepository, StockedProduct},
    stock::Stock,
    values::{Description, Name, Price},
};
use rust_decimal::Decimal;
use tokio_postgres::{Client, Error, Row};

use self::reader::ProductReader;
use crate::{
    database::Database,
    error::{column, storage},
    stock,
};

const INSERT: &str = "
    insert into products (id, nome, descricao, preco, created_at)
    values ($1, $2, $3, $4, $5)";

/// The catalogue in PostgreSQL.
#[derive(Clone)]
pub struct PgCatalog {
    database: Database,
    reader: ProductReader,
}

impl PgCatalog {
    /// Stores the catalogue in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
            reader: ProductReader::new(database.by_id()),
        }
    }
}

#[async_trait]
impl ProductRepository for PgCatalog {
    #[tracing::instrument(level = "debug", name = "db.products.find", skip_all)]
    async fn find(&self, id: ProductId) -> Result<Option<StockedProduct>, StorageError> {
        self.reader.find(id).await
    }

    #[tracing::instrument(level = "debug", name = "db.products.insert", skip_all)]
    async fn insert(&self, product: &Product, stock: &Stock) -> Result<(), StorageError> {
        let mut client = self.database.client().await?;
        let both = async {
            let transaction = client.transaction().await?;
            insert(transaction.client(), product).await?;
            stock::insert(transaction.client(), stock).await?;
            transaction.commit().await
        };
        both.await.map_err(storage)
    }
}

/// Inserts a product, within a transaction.
async fn insert(client: &Client, product: &Product) -> Result<(), Error> {
    client
        .execute(
            INSERT,
            &[
                &product.id.as_uuid(),
                &product.name.as_str(),
                &product.description.as_ref().map(Description::as_str),
                &product.price.as_decimal(),
                &product.created_at,
            ],
        )
        .await?;
    Ok(())
}

/// A product from its row, which is joined with the row of its stock.
fn stocked_product(row: &Row) -> Result<StockedProduct, StorageError> {
    let description: Option<&str> = column(row, "descricao")?;
    Ok(StockedProduct {
        product: Product {
            id: ProductId::new(column(row, "id")?),
            name: Name::parse(column(row, "nome")?).map_err(StorageError::corrupt)?,
            description: description
                .map(Description::parse)
                .transpose()
                .map_err(StorageError::corrupt)?,
            price: price(row, "preco")?,
            created_at: column(row, "created_at")?,
        },
        available: stock::level(row)?,
    })
}

/// Reads a column that holds a price.
pub(crate) fn price(row: &Row, name: &str) -> Result<Price, StorageError> {
    Price::from_decimal(column::<Decimal>(row, name)?).map_err(StorageError::corrupt)
}
