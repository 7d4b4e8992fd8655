//! Lists of stock levels, the lowest first.

use domain::{
    StorageError,
    catalog::ProductId,
    stock::{ProductStock, StockLevel},
    values::{Name, Page, PageRequest, Sku},
};
use tokio_postgres::Row;

use super::level;
use crate::{
    abandonable::Abandonable,
    database::Database,
    error::{column, storage},
    list::{Conditions, Keyset, page_of},
    statements::query,
};

const LOWEST_FIRST: Keyset = Keyset {
    key: ("quantidade_disponivel", "bigint"),
    id: "product_id",
    is_descending: false,
};

/// No index serves this list: one on what orders change would make every order slower. It reads the
/// whole table, over the connection for reports.
pub(super) async fn page(
    database: &Database,
    below: Option<StockLevel>,
    page: &PageRequest,
) -> Result<Page<ProductStock>, StorageError> {
    let mut conditions = Conditions::always("retired_at is null");
    conditions.when("quantidade_disponivel < ?", below.map(StockLevel::units));
    let (clauses, limit) = conditions.page(&LOWEST_FIRST, page);
    let statement = format!(
        "select *, product_id as id, {sort_key}
         from (
             select product_id, nome, sku, quantidade_disponivel
             from stock
             join products on products.id = stock.product_id
             {clauses}
         ) as listed
         {limit}",
        sort_key = LOWEST_FIRST.column(),
    );
    let report = Abandonable::on(database.reports_client().await?);
    let rows = query(report.client(), &statement, &conditions.params()).await;
    report.finish();
    let rows = rows.map_err(storage)?;
    page_of(rows.chunks(1), page, |row, _| product_stock(row))
}

fn product_stock(row: &Row) -> Result<ProductStock, StorageError> {
    let sku: Option<&str> = column(row, "sku")?;
    Ok(ProductStock {
        product_id: ProductId::new(column(row, "product_id")?),
        name: Name::parse(column(row, "nome")?).map_err(StorageError::corrupt)?,
        sku: sku
            .map(Sku::parse)
            .transpose()
            .map_err(StorageError::corrupt)?,
        available: level(row)?,
    })
}
