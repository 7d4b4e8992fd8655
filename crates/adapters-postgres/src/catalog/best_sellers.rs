//! Best sellers, calculated from `sales_to_date` and the entries of `sales_log` on top of it.

use std::{pin::pin, time::Duration};

use async_trait::async_trait;
use deadpool_postgres::Object;
use domain::{
    StorageError,
    catalog::{BestSeller, BestSellersReport, ProductId},
    values::Name,
};
use time::Date;
use tokio::time::timeout;
use tokio_postgres::{NoTls, Row};

use super::{PgCatalog, price};
use crate::{
    error::{column, storage},
    statements::query,
};

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
        let report = Abandonable::on(self.database.reports_client().await?);
        let limit = i64::from(limit);
        let rows = query(report.client(), SINCE, &[&first_day, &limit]).await;
        report.finish();
        rows.map_err(storage)?.iter().map(best_seller).collect()
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

/// A connection that runs a long statement. When the caller stops waiting, the statement has a
/// moment to end, and is cancelled otherwise. Then the connection returns to its pool.
struct Abandonable(Option<Object>);

/// That moment. A cancellation takes a connection of its own: one for every report that is nearly
/// done would cost more than letting it end.
const MOMENT: Duration = Duration::from_millis(100);

impl Abandonable {
    const fn on(client: Object) -> Self {
        Self(Some(client))
    }

    fn client(&self) -> &Object {
        self.0
            .as_ref()
            .unwrap_or_else(|| unreachable!("taken at the end alone"))
    }

    /// Records that the statement has ended.
    fn finish(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Abandonable {
    fn drop(&mut self) {
        let Some(client) = self.0.take() else {
            return;
        };
        tokio::spawn(async move {
            // Answered after the statement has ended, so that a cancellation cannot hit the next
            // one.
            let mut ended = pin!(client.batch_execute(""));
            if timeout(MOMENT, ended.as_mut()).await.is_err() {
                // If the cancellation fails, the statement ends by its timeout. The pool does not
                // hand out a broken connection again.
                let _ = client.cancel_token().cancel_query(NoTls).await;
                let _ = ended.await;
            }
        });
    }
}
