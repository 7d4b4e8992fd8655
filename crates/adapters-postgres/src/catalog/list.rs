//! Lists of products.

use domain::{
    StorageError,
    bulk::Export,
    catalog::{ProductSort, ProductsFilter, StockedProduct},
    values::{Page, PageRequest, Price, SearchTerms, Sort},
};
use tokio_postgres::Row;

use super::stocked_product;
use crate::{
    abandonable::Abandonable,
    database::Database,
    error::{column, storage},
    export::{self, Entities},
    list::{Conditions, Keyset, page_of},
    statements::query,
};

/// The words that a search stands for. Asked for on its own: with them as a constant, the planner
/// knows how many products there are, and so where best to begin.
const MEANT: &str = "
    select product_query($1)::text as meant";

pub(super) async fn page(
    database: &Database,
    filter: &ProductsFilter,
    sort: Sort<ProductSort>,
    page: &PageRequest,
) -> Result<Page<StockedProduct>, StorageError> {
    let meant = match &filter.terms {
        Some(terms) => Some(meant(database, terms).await?),
        None => None,
    };
    let keyset = keyset(sort);
    let mut conditions = conditions(filter, meant);
    let (clauses, limit) = conditions.page(&keyset, page);
    // The stock of a product is looked up when the page is known, unless it decides what is on it.
    let source = match filter.in_stock {
        Some(_) => "products join stock on stock.product_id = products.id",
        None => "products",
    };
    let statement = format!(
        "select listed.*, quantidade_disponivel
         from (
             select *, row_number() over () as place
             from (
                 select products.id, nome, descricao, preco, sku, created_at, retired_at, version,
                        {sort_key}
                 from {source}
                 {clauses}
             ) as sorted
             {limit}
         ) as listed
         join stock on stock.product_id = any(array[listed.id])
         order by place",
        sort_key = keyset.column()
    );
    let search = conditions.connection(database).await?;
    let rows = query(search.client(), &statement, &conditions.params()).await;
    search.finish();
    let rows = rows.map_err(storage)?;
    page_of(rows.chunks(1), page, |row, _| stocked_product(row))
}

async fn meant(database: &Database, terms: &SearchTerms) -> Result<String, StorageError> {
    let search = Abandonable::on(database.searches_client().await?);
    let rows = query(search.client(), MEANT, &[&terms.as_str()]).await;
    search.finish();
    let rows = rows.map_err(storage)?;
    let meant = rows.first().map(|row: &Row| column(row, "meant"));
    meant.unwrap_or(Ok(String::new()))
}

fn keyset(sort: Sort<ProductSort>) -> Keyset {
    Keyset {
        key: match sort.by {
            ProductSort::CreatedAt => ("created_at", "timestamptz"),
            ProductSort::Name => (r#"folded(nome) collate "C""#, "text"),
            ProductSort::Price => ("preco", "numeric"),
        },
        id: "products.id",
        is_descending: sort.is_descending,
    }
}

fn conditions(filter: &ProductsFilter, meant: Option<String>) -> Conditions {
    let mut conditions = Conditions::always("retired_at is null");
    conditions.when("words @@ ?::text::tsquery", meant);
    let (min, max) = (filter.min_price, filter.max_price);
    conditions.when("preco >= ?", min.map(Price::as_decimal));
    conditions.when("preco <= ?", max.map(Price::as_decimal));
    conditions.when("in_stock = ?", filter.in_stock);
    conditions
}

/// The products of an export.
pub(super) fn export(database: &Database, filter: &ProductsFilter) -> Export<StockedProduct> {
    let mut conditions = conditions(filter, None);
    let terms = filter.terms.as_ref().map(SearchTerms::as_str);
    conditions.when(
        "words @@ (select product_query(?))",
        terms.map(str::to_owned),
    );
    let statement = format!(
        "select products.id, nome, descricao, preco, sku, created_at, retired_at, version,
                quantidade_disponivel
         from products
         join stock on stock.product_id = products.id
         {}
         order by products.id",
        conditions.filter()
    );
    let entities = Entities {
        is_same: |_, _| false,
        entity: |row, _| stocked_product(row),
    };
    let counted = format!(
        "select count(*) from products join stock on stock.product_id = products.id {}",
        conditions.filter()
    );
    export::export(database, statement, counted, conditions, entities)
}
