//! Orders, on the wire.

use domain::{
    catalog::ProductId,
    customers::CustomerId,
    orders::{self, OrderLine, OrderRequest, OrderStatus},
    values::Quantity,
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::{ToSchema, openapi::Ref};
use uuid::Uuid;

use super::{
    Money,
    input::{List, input},
};

/// The most lines of an order.
const MAX_LINES: usize = orders::NewOrder::MAX_LINES;

input! {
    /// An order to be placed.
    pub(crate) struct NewOrder {
        /// The customer whom the order is for. Customers order for themselves and leave it out; the
        /// shop must name one.
        customer_id: Option<CustomerId>,
        /// The lines. Lines of one product become one line with the sum.
        itens: List<NewOrderLine, 1, MAX_LINES>,
    }
}

input! {
    /// A line of an order.
    pub(crate) struct NewOrderLine {
        /// The product to order.
        product_id: ProductId,
        /// The number of units.
        quantidade: Quantity,
    }
}

impl From<NewOrder> for OrderRequest {
    fn from(new: NewOrder) -> Self {
        let line = |line: NewOrderLine| OrderLine {
            product_id: line.product_id,
            quantity: line.quantidade,
        };
        Self {
            customer_id: new.customer_id,
            lines: new.itens.0.into_iter().map(line).collect(),
        }
    }
}

input! {
    /// The status that the order gets.
    pub(crate) struct NewStatus {
        /// From `pending` to `paid`, from `paid` to `shipped`, from `shipped` to `delivered`;
        /// from `pending` and from `paid` to `cancelled`.
        status: OrderStatus = "cancelled",
    }
}

input! {
    /// How to place an order.
    pub(crate) struct PlaceParameters {
        /// Only answer what placing would: nothing is placed, and a key is ignored.
        validate_only: Option<bool>,
    }
}

/// An order that could be placed: an order without what it only gets when it is placed.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "itens": [{
        "product_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b6",
        "quantidade": 2,
        "preco_unitario": "38.90",
        "subtotal": "77.80",
    }],
    "total": "77.80",
}))]
pub(crate) struct Quote {
    customer_id: Uuid,
    /// One item per product.
    itens: Vec<QuoteItem>,
    total: Money,
}

/// One product of an order that could be placed.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuoteItem {
    product_id: Uuid,
    #[schema(minimum = 1)]
    quantidade: u32,
    /// The price of one unit.
    preco_unitario: Money,
    /// The price of all units.
    subtotal: Money,
}

impl From<&orders::Order> for Quote {
    fn from(order: &orders::Order) -> Self {
        Self {
            customer_id: order.customer_id.as_uuid(),
            itens: order.items.iter().map(QuoteItem::from).collect(),
            total: Money(order.total().as_decimal()),
        }
    }
}

impl From<&orders::OrderItem> for QuoteItem {
    fn from(item: &orders::OrderItem) -> Self {
        Self {
            product_id: item.product_id.as_uuid(),
            quantidade: item.quantity.units(),
            preco_unitario: Money(item.unit_price.as_decimal()),
            subtotal: Money(item.subtotal().as_decimal()),
        }
    }
}

/// An order.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b7",
    "customer_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "data_order": "2026-11-23T12:00:00.123456Z",
    "status": "pending",
    "itens": [{
        "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b8",
        "product_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b6",
        "quantidade": 2,
        "preco_unitario": "38.90",
        "subtotal": "77.80",
    }],
    "total": "77.80",
    "version": 1,
}))]
pub(crate) struct Order {
    id: Uuid,
    /// The customer whom the order is for.
    customer_id: Uuid,
    /// When it was placed, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    data_order: OffsetDateTime,
    /// The current status.
    #[schema(schema_with = status)]
    status: &'static str,
    /// One item per product.
    itens: Vec<OrderItem>,
    total: Money,
    /// How many times the order was written.
    #[schema(minimum = 1)]
    version: i64,
}

fn status() -> Ref {
    Ref::from_schema_name("OrderStatus")
}

/// One product of an order, at the price at which the order was placed.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderItem {
    id: Uuid,
    #[serde(flatten)]
    quote: QuoteItem,
}

impl From<&orders::Order> for Order {
    fn from(order: &orders::Order) -> Self {
        let item = |item: &orders::OrderItem| OrderItem {
            id: item.id.as_uuid(),
            quote: item.into(),
        };
        Self {
            id: order.id.as_uuid(),
            customer_id: order.customer_id.as_uuid(),
            data_order: order.placed_at,
            status: order.status.as_str(),
            itens: order.items.iter().map(item).collect(),
            total: Money(order.total().as_decimal()),
            version: order.version.number(),
        }
    }
}
