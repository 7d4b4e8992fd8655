//! Products and the best sellers, on the wire.

use domain::{
    catalog::{self, BestSellersQuery, Period, StockedProduct},
    stock::StockLevel,
    values::{Description, Limit, Name, Price},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Money, input::input};

input! {
    /// A product to be added to the catalogue.
    pub(crate) struct NewProduct {
        /// What it is called.
        nome: Name = "Café Cerrado Mineiro 250 g",
        /// What it is, in the shop's words.
        descricao: Option<Description>,
        /// What one unit costs: at most two places, exactly as it is written.
        preco: Price,
        /// The units that can be ordered; none unless it is said.
        quantidade_disponivel: Option<StockLevel>,
    }
}

impl From<NewProduct> for catalog::NewProduct {
    fn from(new: NewProduct) -> Self {
        Self {
            name: new.nome,
            description: new.descricao,
            price: new.preco,
            available: new.quantidade_disponivel.unwrap_or(StockLevel::EMPTY),
        }
    }
}

/// A product and what is left of it.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "nome": "Café Cerrado Mineiro 250 g",
    "descricao": "Torra média, notas de caramelo e castanha. Em grãos.",
    "preco": "38.90",
    "quantidade_disponivel": 240,
    "created_at": "2026-11-23T12:00:00.123456Z",
}))]
pub(crate) struct Product {
    id: Uuid,
    /// What it is called.
    nome: String,
    /// What it is, in the shop's words.
    #[schema(required)]
    descricao: Option<String>,
    /// What one unit costs today.
    preco: Money,
    /// The units that can be ordered now.
    #[schema(minimum = 0)]
    quantidade_disponivel: i64,
    /// When it entered the catalogue, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<&StockedProduct> for Product {
    fn from(StockedProduct { product, available }: &StockedProduct) -> Self {
        let description = product.description.as_ref();
        Self {
            id: product.id.as_uuid(),
            nome: product.name.as_str().to_owned(),
            descricao: description.map(|text| text.as_str().to_owned()),
            preco: Money(product.price.as_decimal()),
            quantidade_disponivel: available.units(),
            created_at: product.created_at,
        }
    }
}

input! {
    /// What a list of best sellers covers.
    pub(crate) struct BestSellersParameters {
        /// The most products in the list; 10 unless it is said.
        limit: Option<Limit>,
        /// How many days, in UTC, the list looks back; 30 unless it is said.
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
    /// What the product is called.
    nome: String,
    /// What one unit costs today.
    preco: Money,
    /// The units that were ordered in the period, cancelled orders not counted.
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
