//! Products, their stock and the best sellers, on the wire.

use domain::{
    catalog::{BestSeller, NewProduct, StockedProduct},
    stock::{Stock, StockLevel},
    values::{Description, Name, Price},
};
use rust_decimal::Decimal;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::body::{Amount, Fields, FromBody, Wrong};

impl FromBody for NewProduct {
    fn from_body(fields: &mut Fields<'_>) -> Result<Self, Wrong> {
        let name = fields.required("nome", |text: String| Name::parse(&text));
        let description = fields.optional("descricao", |text: String| Description::parse(&text));
        let price = fields.required("preco", |Amount(text)| Price::parse(&text));
        let available = fields.optional("quantidade_disponivel", StockLevel::parse);
        Ok(Self {
            name: name?,
            description: description?,
            price: price?,
            available: available?.unwrap_or(StockLevel::EMPTY),
        })
    }
}

/// The units of a product that can be ordered from now on.
pub(crate) struct NewLevel(pub(crate) StockLevel);

impl FromBody for NewLevel {
    fn from_body(fields: &mut Fields<'_>) -> Result<Self, Wrong> {
        let available = fields.required("quantidade_disponivel", StockLevel::parse);
        available.map(Self)
    }
}

#[derive(Serialize)]
pub(crate) struct ProductBody<'a> {
    id: Uuid,
    nome: &'a str,
    descricao: Option<&'a str>,
    preco: Decimal,
    quantidade_disponivel: i64,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl<'a> From<&'a StockedProduct> for ProductBody<'a> {
    fn from(StockedProduct { product, available }: &'a StockedProduct) -> Self {
        Self {
            id: product.id.as_uuid(),
            nome: product.name.as_str(),
            descricao: product.description.as_ref().map(Description::as_str),
            preco: product.price.as_decimal(),
            quantidade_disponivel: available.units(),
            created_at: product.created_at,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct StockBody {
    id: Uuid,
    product_id: Uuid,
    quantidade_disponivel: i64,
}

impl From<Stock> for StockBody {
    fn from(stock: Stock) -> Self {
        Self {
            id: stock.id.as_uuid(),
            product_id: stock.product_id.as_uuid(),
            quantidade_disponivel: stock.available.units(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct BestSellersBody<'a> {
    items: Vec<BestSellerBody<'a>>,
}

#[derive(Serialize)]
struct BestSellerBody<'a> {
    product_id: Uuid,
    nome: &'a str,
    preco: Decimal,
    quantidade_vendida: u64,
}

impl<'a> FromIterator<&'a BestSeller> for BestSellersBody<'a> {
    fn from_iter<I: IntoIterator<Item = &'a BestSeller>>(items: I) -> Self {
        let item = |item: &'a BestSeller| BestSellerBody {
            product_id: item.product_id.as_uuid(),
            nome: item.name.as_str(),
            preco: item.price.as_decimal(),
            quantidade_vendida: item.sold,
        };
        Self {
            items: items.into_iter().map(item).collect(),
        }
    }
}
