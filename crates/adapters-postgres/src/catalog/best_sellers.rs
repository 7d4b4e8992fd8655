//! Best sellers, calculated from `sales_to_date` and the entries of `sales_log` on top of it.

use async_trait::async_trait;
use domain::{
    StorageError,
    catalog::{BestSeller, BestSellersReport, ProductId},
    values::{Freshness, Name},
};
use time::Date;
use tokio_postgres::Row;

use super::{PgCatalog, price};
use crate::{database::Database, error::column, statements::Value};

/// The sales of a period are the total at its end less the total before it: two rows per product,
/// however many orders there were.
const SINCE: &str = "
    with last as (
        select max(day) as day
        from sales_to_date
    )
    select products.id, products.nome, products.preco, sales.quantidade_vendida
    from (
        select product_id, sum(quantidade)::bigint as quantidade_vendida
        from (
            select product_id, quantidade_vendida as quantidade
            from sales_to_date
            where day = (select day from last)
            union all
            select product_id, -quantidade_vendida
            from sales_to_date
            where day = (select least(day, $1::date - 1) from last)
            union all
            select sold.product_id, sold.quantidade
            from sales_log
            cross join unnest(product_ids, quantidades) as sold (product_id, quantidade)
            where day >= $1
        ) as changes
        where not exists (
            select
            from products
            where products.id = changes.product_id
              and retired_at is not null
        )
        group by product_id
        having sum(quantidade) > 0
        order by quantidade_vendida desc, product_id
        limit $2
    ) as sales
    join products on products.id = sales.product_id
    order by sales.quantidade_vendida desc, products.id";

#[async_trait]
impl BestSellersReport for PgCatalog {
    #[tracing::instrument(level = "debug", name = "db.best_sellers.since", skip_all)]
    async fn since(&self, first_day: Date, limit: u16) -> Result<Vec<BestSeller>, StorageError> {
        let values: [&dyn Value; 2] = [&first_day, &i64::from(limit)];
        let read = async |database: Database| {
            let report = database.reports_client().await?;
            let rows = report.query(SINCE, &values).await?;
            rows.iter().map(best_seller).collect()
        };
        self.database
            .recent_report(Freshness::Recent(None), read)
            .await
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
