//! Lists of products.

use domain::{
    StorageError,
    bulk::Export,
    catalog::{ProductSort, ProductsFilter, StockedProduct},
    values::{Freshness, Page, PageRequest, Price, SearchTerms, Sort},
};

use super::stocked_product;
use crate::{
    database::Database,
    error::column,
    export::{self, Entities},
    list::{Conditions, Keyset, page_of},
};

/// What a search stands for, and where its list begins: asked for on their own. With them as constants,
/// the planner knows how many products there are, and so where best to begin.
const MEANT: &str = "
    select product_query($1)::text as words,
           (select max(created_at) from products where retired_at is null)::text as newest,
           (select min(created_at) from products where retired_at is null)::text as oldest,
           (select reltuples from pg_class where oid = 'products'::regclass) as products";

/// What [`MEANT`] finds.
struct Meant {
    words: String,
    /// When the first product of the list was made, as PostgreSQL writes it; `None` if there is none.
    first: Option<String>,
    /// About how many products there are.
    products: f32,
}

/// In a catalogue of as many products a search begins with the matches of two months. In a smaller
/// one, reading all of them takes less than asking twice.
const MANY: f32 = 100_000.0;

pub(super) async fn page(
    database: &Database,
    filter: &ProductsFilter,
    sort: Sort<ProductSort>,
    page: &PageRequest,
) -> Result<Page<StockedProduct>, StorageError> {
    let list = |conditions| listed(database, filter.in_stock, conditions, keyset(sort), page);
    let Some(terms) = &filter.terms else {
        return list(conditions(filter, None)).await;
    };
    let meant = meant(database, terms, sort.is_descending).await?;
    if sort.by == ProductSort::CreatedAt && meant.products >= MANY {
        let position = page.after.as_ref().map(|position| position.key.clone());
        let mut near = conditions(filter, Some(meant.words.clone()));
        near.when(&near_months(sort.is_descending), position.or(meant.first));
        let found = list(near).await?;
        // A page that is not full may lack products of other months.
        if found.next.is_some() {
            return Ok(found);
        }
    }
    list(conditions(filter, Some(meant.words))).await
}

/// The condition that a product was made in the month in which a page begins, or in the one behind
/// it: the index of words finds these without reading the matches of all other months.
fn near_months(is_descending: bool) -> String {
    let behind = if is_descending { "- 1" } else { "+ 1" };
    let month = "month_of(?::text::timestamptz)";
    format!("array[month_of(created_at)] && array[{month}, {month} {behind}]")
}

async fn listed(
    database: &Database,
    in_stock: Option<bool>,
    mut conditions: Conditions,
    keyset: Keyset,
    page: &PageRequest,
) -> Result<Page<StockedProduct>, StorageError> {
    let (clauses, limit) = conditions.page(&keyset, page);
    // The stock of a product is looked up when the page is known, unless it decides what is on it.
    let source = match in_stock {
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
    let rows = search.query(&statement, &conditions.params()).await?;
    drop(search);
    page_of(rows.chunks(1), page, |row, _| stocked_product(row))
}

async fn meant(
    database: &Database,
    terms: &SearchTerms,
    is_descending: bool,
) -> Result<Meant, StorageError> {
    let search = database.searches_client().await?;
    let row = search.query_opt(MEANT, &[&terms.as_str()]).await?;
    let Some(row) = row else {
        return Err(StorageError::internal("a search stands for nothing"));
    };
    Ok(Meant {
        words: column(&row, "words")?,
        first: column(&row, if is_descending { "newest" } else { "oldest" })?,
        products: column(&row, "products")?,
    })
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
pub(super) fn export(
    source: (&Database, Freshness),
    filter: &ProductsFilter,
) -> Export<StockedProduct> {
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
    export::export(source, statement, counted, conditions, entities)
}
