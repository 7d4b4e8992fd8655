//! Lists of stock levels, the lowest first.

use domain::{
    StorageError,
    catalog::ProductId,
    stock::{ProductStock, StockLevel},
    values::{Name, Page, PageRequest, Sku},
};
use tokio_postgres::Row;

use super::level;
use crate::{database::Database, error::column, list::page_of, statements::Value};

/// No index serves this list: one on what orders change would make every order slower. It reads the
/// levels of all products, over the connection for reports, and then the products of the page.
pub(super) async fn page(
    database: &Database,
    below: StockLevel,
    page: &PageRequest,
) -> Result<Page<ProductStock>, StorageError> {
    let (below, rows) = (below.units(), i64::from(page.limit.entries()) + 1);
    let mut params: Vec<&dyn Value> = vec![&below, &rows];
    let behind = match &page.after {
        None => "",
        Some(position) => {
            let position: [&dyn Value; 2] = [&position.key, &position.id];
            params.extend(position);
            "and (quantidade_disponivel, product_id) > ($3::text::bigint, $4)"
        }
    };
    let statement = format!(
        "select products.id, nome, sku, quantidade_disponivel,
                quantidade_disponivel::text as sort_key
         from (
             select product_id, quantidade_disponivel
             from stock
             where quantidade_disponivel < $1 {behind}
             order by quantidade_disponivel, product_id
         ) as lowest
         join products on products.id = lowest.product_id
         where retired_at is null
         order by quantidade_disponivel, lowest.product_id
         limit $2"
    );
    let report = database.reports_client().await?;
    let rows = report.query(&statement, &params).await?;
    drop(report);
    page_of(rows.chunks(1), page, |row, _| product_stock(row))
}

fn product_stock(row: &Row) -> Result<ProductStock, StorageError> {
    let sku: Option<&str> = column(row, "sku")?;
    Ok(ProductStock {
        product_id: ProductId::new(column(row, "id")?),
        name: Name::parse(column(row, "nome")?).map_err(StorageError::corrupt)?,
        sku: sku
            .map(Sku::parse)
            .transpose()
            .map_err(StorageError::corrupt)?,
        available: level(row)?,
    })
}
