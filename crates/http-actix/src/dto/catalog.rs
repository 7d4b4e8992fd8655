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
        /// The product's name.
        nome: Name = "Café Cerrado Mineiro 250 g",
        /// The shop's description.
        descricao: Option<Description>,
        /// The price of one unit: at most two decimal places, exactly as it is written.
        preco: Price,
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
            available: new.quantidade_disponivel.unwrap_or(StockLevel::EMPTY),
        }
    }
}

/// A product and its stock level.
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
    /// The product's name.
    nome: String,
    /// The shop's description.
    #[schema(required)]
    descricao: Option<String>,
    /// The current price of one unit.
    preco: Money,
    /// The units that can be ordered now.
    #[schema(minimum = 0)]
    quantidade_disponivel: i64,
    /// When it was added to the catalogue, in UTC.
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
