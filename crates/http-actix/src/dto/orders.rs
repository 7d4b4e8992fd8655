//! Orders, on the wire.

use domain::{
    orders::{NewOrder, Order, OrderItem, OrderLine, OrderRequest, OrderStatus},
    values::Quantity,
};
use rust_decimal::Decimal;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    body::{Fields, FromBody, Wrong},
    query::{FromQuery, Parameters},
};

impl FromBody for OrderRequest {
    fn from_body(fields: &mut Fields<'_>) -> Result<Self, Wrong> {
        let customer_id = fields.optional("customer_id", |text: String| text.parse());
        let lines = fields.objects("itens", NewOrder::MAX_LINES, |fields| {
            let product_id = fields.required("product_id", |text: String| text.parse());
            let quantity = fields.required("quantidade", Quantity::parse);
            Ok(OrderLine {
                product_id: product_id?,
                quantity: quantity?,
            })
        });
        Ok(Self {
            customer_id: customer_id?,
            lines: lines?,
        })
    }
}

/// The status that an order is to have.
pub(crate) struct NewStatus(pub(crate) OrderStatus);

impl FromBody for NewStatus {
    fn from_body(fields: &mut Fields<'_>) -> Result<Self, Wrong> {
        let status = fields.required("status", |text: String| text.parse());
        status.map(Self)
    }
}

/// How an order is to be placed.
pub(crate) struct PlaceQuery {
    /// Only say what would happen.
    pub(crate) validate_only: bool,
}

impl FromQuery for PlaceQuery {
    fn from_query(parameters: &mut Parameters) -> Result<Self, Wrong> {
        let validate_only = parameters.flag("validate_only")?;
        Ok(Self { validate_only })
    }
}

/// An order that could be placed: what `OrderBody` has, less what comes to be with placing.
#[derive(Serialize)]
pub(crate) struct QuoteBody {
    customer_id: Uuid,
    itens: Vec<QuoteItemBody>,
    total: Decimal,
}

#[derive(Serialize)]
struct QuoteItemBody {
    product_id: Uuid,
    quantidade: u32,
    preco_unitario: Decimal,
    subtotal: Decimal,
}

impl From<&Order> for QuoteBody {
    fn from(order: &Order) -> Self {
        Self {
            customer_id: order.customer_id.as_uuid(),
            itens: order.items.iter().map(QuoteItemBody::from).collect(),
            total: order.total().as_decimal(),
        }
    }
}

impl From<&OrderItem> for QuoteItemBody {
    fn from(item: &OrderItem) -> Self {
        Self {
            product_id: item.product_id.as_uuid(),
            quantidade: item.quantity.units(),
            preco_unitario: item.unit_price.as_decimal(),
            subtotal: item.subtotal().as_decimal(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct OrderBody {
    id: Uuid,
    customer_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    data_order: OffsetDateTime,
    status: &'static str,
    itens: Vec<ItemBody>,
    total: Decimal,
    version: i64,
}

#[derive(Serialize)]
struct ItemBody {
    id: Uuid,
    #[serde(flatten)]
    quote: QuoteItemBody,
}

impl From<&Order> for OrderBody {
    fn from(order: &Order) -> Self {
        let item = |item: &OrderItem| ItemBody {
            id: item.id.as_uuid(),
            quote: item.into(),
        };
        Self {
            id: order.id.as_uuid(),
            customer_id: order.customer_id.as_uuid(),
            data_order: order.placed_at,
            status: order.status.as_str(),
            itens: order.items.iter().map(item).collect(),
            total: order.total().as_decimal(),
            version: order.version.number(),
        }
    }
}
