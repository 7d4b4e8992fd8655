//! The catalogue: the table `products`, read together with `stock`, and best sellers.

mod best_sellers;
mod changes;
mod import;
mod list;
mod reader;
pub(crate) mod sales;

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    bulk::Export,
    catalog::{
        InsertProductError, Product, ProductChange, ProductId, ProductRepository, ProductSort,
        ProductsFilter, StockedProduct,
    },
    idempotency::{Creation, CreationKey},
    identity::Actor,
    stock::NewStock,
    unit_of_work::Opened,
    values::{Description, Freshness, Name, Page, PageRequest, Price, Sku, Sort, Version},
};
use rust_decimal::Decimal;
use tokio_postgres::{Client, Error, Row};

use self::reader::ProductReader;
use crate::{
    audit::Entries,
    connection::Connection,
    creation_keys::{self, Kind},
    database::Database,
    error::{CREATION_KEYS_PKEY, TransactionError, column, is_taken, violates},
    statements::{self, Statement, Value},
    stock,
};

const INSERT: &str = "
    insert into products (id, nome, descricao, preco, sku, created_at, version)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// Makes the words of products known to those who mistype one. In the sequence of the words, so
/// that two transactions cannot deadlock; and last of all, so that nobody waits long for them.
const KNOW_WORDS: &str = "
    insert into product_words (word)
    select distinct new.word
    from products
    cross join unnest(tsvector_to_array(words)) as new (word)
    where id = any($1)
    order by new.word
    on conflict do nothing";

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
            reader: ProductReader::new(database.clone()),
        }
    }
}

#[async_trait]
impl ProductRepository for PgCatalog {
    #[tracing::instrument(level = "debug", name = "db.products.find", skip_all)]
    async fn find(&self, id: ProductId) -> Result<Option<StockedProduct>, StorageError> {
        self.reader.find(id).await
    }

    #[tracing::instrument(level = "debug", name = "db.products.page", skip_all)]
    async fn page(
        &self,
        filter: &ProductsFilter,
        sort: Sort<ProductSort>,
        page: &PageRequest,
    ) -> Result<Page<StockedProduct>, StorageError> {
        let read = async |database| list::page(&database, filter, sort, page).await;
        self.database.recent_list(page.freshness, read).await
    }

    fn export(&self, filter: ProductsFilter, freshness: Freshness) -> Export<StockedProduct> {
        list::export((&self.database, freshness), &filter)
    }

    #[tracing::instrument(level = "debug", name = "db.products.insert", skip_all)]
    async fn insert<'a>(
        &self,
        product: &Product,
        stock: &NewStock,
        key: Option<&'a CreationKey>,
        by: &Actor,
    ) -> Result<(), InsertProductError> {
        let all = async |client: Connection| {
            let all = client.in_transaction(async |client| {
                let id = product.id.as_uuid();
                if let Some(key) = key {
                    creation_keys::insert(
                        client,
                        &Statement::Unnamed(creation_keys::INSERT),
                        Kind::Product,
                        key,
                        id,
                        product.created_at,
                    )
                    .await?;
                }
                insert(client, product).await?;
                stock::insert(client, stock).await?;
                statements::execute(client, KNOW_WORDS, &[&vec![id]]).await?;
                let audited = Entries::one(product.created_at, by, Action::ProductsCreate, id);
                audited.write_now(client).await
            });
            all.await
        };
        self.database
            .lock_patiently(all)
            .await
            .map_err(|error| match error {
                TransactionError::Failed(error) if violates(&error, CREATION_KEYS_PKEY) => {
                    InsertProductError::KeyTaken
                }
                TransactionError::Failed(error) if is_taken(&error) => InsertProductError::SkuTaken,
                error => StorageError::from(error).into(),
            })
    }

    #[tracing::instrument(level = "debug", name = "db.products.inserted_under", skip_all)]
    async fn inserted_under(&self, key: &CreationKey) -> Result<Option<Creation>, StorageError> {
        creation_keys::find(&self.database, Kind::Product, key).await
    }

    #[tracing::instrument(level = "debug", name = "db.products.open", skip_all)]
    async fn open(
        &self,
        id: ProductId,
    ) -> Result<Option<Opened<StockedProduct, ProductChange>>, StorageError> {
        changes::open(&self.database, id).await
    }
}

/// Inserts a product, within a transaction.
async fn insert(client: &Client, product: &Product) -> Result<(), Error> {
    let values: [&dyn Value; 7] = [
        &product.id.as_uuid(),
        &product.name.as_str(),
        &product.description.as_ref().map(Description::as_str),
        &product.price.as_decimal(),
        &product.sku.as_ref().map(Sku::as_str),
        &product.created_at,
        &product.version.number(),
    ];
    statements::execute(client, INSERT, &values).await?;
    Ok(())
}

/// A product from its row, which is joined with the row of its stock.
fn stocked_product(row: &Row) -> Result<StockedProduct, StorageError> {
    let description: Option<&str> = column(row, "descricao")?;
    let sku: Option<&str> = column(row, "sku")?;
    Ok(StockedProduct {
        product: Product {
            id: ProductId::new(column(row, "id")?),
            name: Name::parse(column(row, "nome")?).map_err(StorageError::corrupt)?,
            description: description
                .map(Description::parse)
                .transpose()
                .map_err(StorageError::corrupt)?,
            price: price(row, "preco")?,
            sku: sku
                .map(Sku::parse)
                .transpose()
                .map_err(StorageError::corrupt)?,
            created_at: column(row, "created_at")?,
            retired_at: column(row, "retired_at")?,
            version: Version::parse(column(row, "version")?).map_err(StorageError::corrupt)?,
        },
        available: stock::level(row)?,
    })
}

/// Reads a column that holds a price.
pub(crate) fn price(row: &Row, name: &str) -> Result<Price, StorageError> {
    Price::from_decimal(column::<Decimal>(row, name)?).map_err(StorageError::corrupt)
}
