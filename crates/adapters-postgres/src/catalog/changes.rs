//! Changes of products: locked in one round trip, written and committed in another.

use domain::{
    StorageError,
    audit::Action,
    catalog::{ProductChange, ProductId, StockedProduct},
    unit_of_work::Opened,
    values::{Description, Sku},
};
use futures_util::future::try_join3;
use tokio_postgres::{Client, Error};

use super::{KNOW_WORDS, stocked_product};
use crate::{
    audit,
    connection::Connection,
    database::Database,
    statements::{Statement, Value},
    transaction::{Transaction, WritePlan, behind},
};

/// Does not stand in the way of orders, which only make sure that the product stays.
const LOCK: &str = "
    select products.id, nome, descricao, preco, sku, created_at, retired_at, version,
           quantidade_disponivel
    from products
    join stock on stock.product_id = any(array[products.id])
    where products.id = $1
    for no key update of products";

const CHANGE: &str = "
    update products
    set nome = $2, descricao = $3, preco = $4, sku = $5, retired_at = $6, version = $7
    where id = $1";

pub(super) async fn open(
    database: &Database,
    id: ProductId,
) -> Result<Option<Opened<StockedProduct, ProductChange>>, StorageError> {
    let id = id.as_uuid();
    let lock = async |client| Transaction::lock(client, LOCK, &[&id]).await;
    let (transaction, row) = database.lock_patiently(lock).await?;
    let Some(row) = row else {
        transaction.abandon().await?;
        return Ok(None);
    };
    Ok(Some(Opened {
        state: stocked_product(&row)?,
        unit: Box::new(transaction),
    }))
}

/// The statements that write a change, prepared once per connection.
pub(crate) struct Writes {
    change: Statement,
    know_words: Statement,
    audit: Option<Statement>,
}

fn audited(change: &ProductChange) -> audit::Entries<'_> {
    let product_id = change.product.id.as_uuid();
    audit::Entries::one(change.at, &change.by, Action::ProductsEdit, product_id)
}

impl WritePlan for ProductChange {
    type Statements = Writes;

    async fn prepare(&self, client: &Connection) -> Result<Writes, Error> {
        Ok(Writes {
            change: client.prepare(CHANGE).await?,
            know_words: client.prepare(KNOW_WORDS).await?,
            audit: audited(self).prepare(client).await?,
        })
    }

    #[tracing::instrument(level = "debug", name = "db.products.write", skip_all)]
    async fn write(&self, client: &Client, statements: &Writes) -> Result<(), Error> {
        let Self { product, .. } = self;
        let audited = audited(self);
        let (id, ids) = (product.id.as_uuid(), vec![product.id.as_uuid()]);
        let description = product.description.as_ref().map(Description::as_str);
        let sku = product.sku.as_ref().map(Sku::as_str);
        let change: [&dyn Value; 7] = [
            &id,
            &product.name.as_str(),
            &description,
            &product.price.as_decimal(),
            &sku,
            &product.retired_at,
            &product.version.number(),
        ];
        let words: [&dyn Value; 1] = [&ids];
        try_join3(
            statements.change.execute(client, &change),
            behind(statements.know_words.execute(client, &words)),
            behind(audited.write(client, statements.audit.as_ref())),
        )
        .await?;
        Ok(())
    }
}
