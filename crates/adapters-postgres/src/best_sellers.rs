//! What sells best: reckoned from `orders` and `itens_order`.

use async_trait::async_trait;
use domain::{BestSeller, Name, ProductId, StorageError, ports::BestSellersReport};
use time::OffsetDateTime;
use tokio_postgres::Row;

use crate::{
    database::{Database, PLAN_FOR_VALUES},
    error::{column, storage},
    products::price,
};

const SINCE: &str = "
    select products.id, products.nome, products.preco, sales.quantidade_vendida
    from (
        select itens_order.product_id, sum(itens_order.quantidade) as quantidade_vendida
        from orders
        join itens_order on itens_order.order_id = orders.id
        where orders.data_order >= $1
          and orders.status <> 'cancelled'
        group by itens_order.product_id
        order by quantidade_vendida desc, itens_order.product_id
        limit $2
    ) as sales
    join products on products.id = sales.product_id
    order by sales.quantidade_vendida desc, products.id";

#[async_trait]
impl BestSellersReport for Database {
    #[tracing::instrument(level = "debug", name = "db.best_sellers.since", skip_all)]
    async fn since(
        &self,
        since: OffsetDateTime,
        limit: u16,
    ) -> Result<Vec<BestSeller>, StorageError> {
        let mut client = self.client().await?;
        let rows = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(PLAN_FOR_VALUES).await?;
            let report = transaction.prepare_cached(SINCE).await?;
            let limit = i64::from(limit);
            let rows = transaction.query(&report, &[&since, &limit]).await?;
            transaction.commit().await?;
            Ok(rows)
        };
        let rows = rows.await.map_err(storage)?;
        rows.iter().map(best_seller).collect()
    }
}

fn best_seller(row: &Row) -> Result<BestSeller, StorageError> {
    let sold: i64 = column(row, "quantidade_vendida")?;
    Ok(BestSeller {
        product_id: ProductId::new(column(row, "id")?),
        name: Name::parse(column(row, "nome")?).map_err(StorageError::corrupt)?,
        price: price(row, "preco")?,
        sold: u64::try_from(sold).map_err(StorageError::corrupt)?,
    })
}
