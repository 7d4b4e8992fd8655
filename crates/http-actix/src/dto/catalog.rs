//! Products and the best sellers, on the wire.

use domain::{
    catalog::{
        self, BestSellersQuery, ImportMode, ImportRow, Period, ProductEdit, ProductSort,
        ProductsFilter, StockedProduct,
    },
    identity::Caller,
    stock::StockLevel,
    values::{Description, Limit, Name, Patch, Price, SearchTerms, Sku, Sort},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Money,
    input::{Replaced, Sorted, input},
    wire::moment,
};
use crate::bulk::{Exported, defused};

input! {
    /// A product to be added to the catalogue.
    pub(crate) struct NewProduct {
        /// The product's name.
        nome: Name = "Café Cerrado Mineiro 250 g",
        /// The shop's description.
        descricao: Option<Description>,
        /// The price of one unit: at most two decimal places, exactly as it is written.
        preco: Price,
        /// The shop's own number of the product, which no other product that is sold has.
        sku: Option<Sku>,
        /// The units that can be ordered; 0 by default.
        quantidade_disponivel: Option<StockLevel>,
    }
}

impl From<NewProduct> for catalog::NewProduct {
    fn from(new: NewProduct) -> Self {
        Self {
            name: new.nome,
            description: new.descricao,
            price: new.preco,
            sku: new.sku,
            available: new.quantidade_disponivel.unwrap_or(StockLevel::EMPTY),
        }
    }
}

input! {
    /// The fields of a product that get another value (JSON Merge Patch, RFC 7396). Its stock has
    /// an address of its own.
    pub(crate) struct ProductPatch {
        /// The new name.
        nome: Replaced<Name> = "Café Cerrado Mineiro 500 g",
        /// The new description; none with `null`.
        descricao: Patch<Description>,
        /// The new price of one unit. Orders that are placed keep theirs.
        preco: Replaced<Price> = "41.90",
        /// The new number; none with `null`.
        sku: Patch<Sku>,
    }
}

impl From<ProductPatch> for ProductEdit {
    fn from(patch: ProductPatch) -> Self {
        Self {
            name: patch.nome.0,
            description: patch.descricao,
            price: patch.preco.0,
            sku: patch.sku,
        }
    }
}

input! {
    /// Which products are asked for.
    pub(crate) struct ProductsParameters {
        /// Only products in whose name or description is every one of these words, or, if the
        /// catalogue does not have it, one like it. Case and accents do not matter, and of a word of
        /// three letters or more the end may be missing.
        q: Option<SearchTerms>,
        /// Only products of which one unit costs as much or more.
        min_price: Option<Price> = "10.00",
        /// Only products of which one unit costs as much or less.
        max_price: Option<Price> = "99.90",
        /// Only products of which some unit can be ordered, or only those of which none can.
        in_stock: Option<bool>,
    }
}

impl Sorted for ProductsParameters {
    type By = ProductSort;
    const DEFAULT: Sort<ProductSort> = Sort::descending(ProductSort::CreatedAt);
    const ABOUT: &'static str = "`-created_at`, the latest first, by default.";
    const EXAMPLE: &'static str = "preco";
}

impl From<ProductsParameters> for ProductsFilter {
    fn from(parameters: ProductsParameters) -> Self {
        Self {
            terms: parameters.q,
            min_price: parameters.min_price,
            max_price: parameters.max_price,
            in_stock: parameters.in_stock,
        }
    }
}

input! {
    /// A row of an import. An empty cell of a table is a missing field; what is missing of a product
    /// that there is stays as it is.
    pub(crate) struct ProductRow {
        /// A product that is sold and has this number is changed; else one is created.
        sku: Option<Sku>,
        /// The product's name.
        nome: Name = "Café Cerrado Mineiro 250 g",
        /// The shop's description.
        descricao: Option<Description>,
        /// The price of one unit.
        preco: Price,
        /// The units that can be ordered.
        quantidade_disponivel: Option<StockLevel>,
    }
}

impl From<ProductRow> for ImportRow {
    fn from(row: ProductRow) -> Self {
        Self {
            sku: row.sku,
            name: row.nome,
            description: row.descricao,
            price: row.preco,
            available: row.quantidade_disponivel,
        }
    }
}

input! {
    /// How to import.
    pub(crate) struct ImportParameters {
        /// All or nothing: one row that is refused is enough for nothing to be written.
        atomic: Option<bool>,
        /// Only say what would be done: nothing is written, and a key is ignored.
        validate_only: Option<bool>,
    }
}

impl From<&ImportParameters> for ImportMode {
    fn from(parameters: &ImportParameters) -> Self {
        match (parameters.validate_only, parameters.atomic) {
            (Some(true), _) => Self::ValidateOnly,
            (_, Some(true)) => Self::Atomic,
            (_, _) => Self::InBatches,
        }
    }
}

impl Exported for StockedProduct {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "sku",
        "nome",
        "descricao",
        "preco",
        "quantidade_disponivel",
        "created_at",
    ];

    type Line = Product;

    fn line(&self, _: &Caller) -> Product {
        self.into()
    }

    fn write(&self, table: &mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error> {
        let product = Product::from(self);
        table.write_record([
            &product.id.to_string(),
            &defused(product.sku.as_deref().unwrap_or_default()),
            &defused(&product.nome),
            &defused(product.descricao.as_deref().unwrap_or_default()),
            &product.preco.0.to_string(),
            &product.quantidade_disponivel.to_string(),
            &moment(product.created_at),
        ])
    }
}

/// A product and its stock level.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "nome": "Café Cerrado Mineiro 250 g",
    "descricao": "Torra média, notas de caramelo e castanha. Em grãos.",
    "preco": "38.90",
    "sku": "CAFE-CERRADO-250",
    "quantidade_disponivel": 240,
    "created_at": "2026-11-23T12:00:00.123456Z",
    "retired_at": null,
    "version": 1,
}))]
pub(crate) struct Product {
    id: Uuid,
    /// The product's name.
    nome: String,
    /// The shop's description.
    #[schema(required)]
    descricao: Option<String>,
    /// The current price of one unit.
    preco: Money,
    /// The shop's own number of the product.
    #[schema(required)]
    sku: Option<String>,
    /// The units that can be ordered now.
    #[schema(minimum = 0)]
    quantidade_disponivel: i64,
    /// When it was added to the catalogue, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it was retired, in UTC; `null` while it is sold.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    retired_at: Option<OffsetDateTime>,
    /// How many times the product was written. Its stock has no part in this.
    #[schema(minimum = 1)]
    version: i64,
}

impl From<&StockedProduct> for Product {
    fn from(StockedProduct { product, available }: &StockedProduct) -> Self {
        let description = product.description.as_ref();
        Self {
            id: product.id.as_uuid(),
            nome: product.name.as_str().to_owned(),
            descricao: description.map(|text| text.as_str().to_owned()),
            preco: Money(product.price.as_decimal()),
            sku: product.sku.as_ref().map(|sku| sku.as_str().to_owned()),
            quantidade_disponivel: available.units(),
            created_at: product.created_at,
            retired_at: product.retired_at,
            version: product.version.number(),
        }
    }
}

input! {
    /// The length and the period of a list of best sellers.
    pub(crate) struct BestSellersParameters {
        /// The most products in the list; 10 by default.
        limit: Option<Limit>,
        /// How many days, in UTC, the list covers; 30 by default.
        days: Option<Period>,
    }
}

impl From<BestSellersParameters> for BestSellersQuery {
    fn from(parameters: BestSellersParameters) -> Self {
        let default = Self::default();
        Self {
            limit: parameters.limit.unwrap_or(default.limit),
            period: parameters.days.unwrap_or(default.period),
        }
    }
}

/// One row of a list of best sellers.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "product_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "nome": "Café Cerrado Mineiro 250 g",
    "preco": "38.90",
    "quantidade_vendida": 61,
}))]
pub(crate) struct BestSeller {
    product_id: Uuid,
    /// The product's name.
    nome: String,
    /// The current price of one unit.
    preco: Money,
    /// The units ordered in the period, without cancelled orders.
    quantidade_vendida: u64,
}

impl From<&catalog::BestSeller> for BestSeller {
    fn from(item: &catalog::BestSeller) -> Self {
        Self {
            product_id: item.product_id.as_uuid(),
            nome: item.name.as_str().to_owned(),
            preco: Money(item.price.as_decimal()),
            quantidade_vendida: item.sold,
        }
    }
}
