//! Orders, on the wire.

use domain::{
    catalog::ProductId,
    customers::CustomerId,
    identity::{AccountId, Caller, Role},
    orders::{
        self, OrderId, OrderLine, OrderRequest, OrderSort, OrderStatus, OrdersFilter,
        TransitionRequest,
    },
    values::{Note, Quantity, Sort},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::{
    ToSchema,
    openapi::{
        Ref,
        schema::{Array, ArrayBuilder},
    },
};
use uuid::Uuid;

use super::{
    Money,
    input::{List, Sorted, input},
    wire::{moment, role},
};
use crate::bulk::Exported;

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
        /// What is to be kept of it in the order's history.
        note: Option<Note> = "O cliente desistiu.",
    }
}

impl From<NewStatus> for TransitionRequest {
    fn from(new: NewStatus) -> Self {
        Self {
            to: new.status,
            note: new.note,
        }
    }
}

input! {
    /// Which orders are asked for.
    pub(crate) struct OrdersParameters {
        /// Only orders for this customer.
        customer_id: Option<CustomerId>,
        /// Only orders that have this status now.
        status: Option<OrderStatus>,
        /// Only orders that have an item of this product.
        product_id: Option<ProductId>,
        /// Only orders that were placed later than this.
        placed_after: Option<OffsetDateTime>,
        /// Only orders that were placed earlier than this.
        placed_before: Option<OffsetDateTime> = "2030-01-01T00:00:00Z",
    }
}

impl Sorted for OrdersParameters {
    type By = OrderSort;
    const DEFAULT: Sort<OrderSort> = Sort::descending(OrderSort::PlacedAt);
    const ABOUT: &'static str = "`-data_order`, the latest first, by default.";
    const EXAMPLE: &'static str = "-data_order";
}

impl From<OrdersParameters> for OrdersFilter {
    fn from(parameters: OrdersParameters) -> Self {
        Self {
            customer_id: parameters.customer_id,
            status: parameters.status,
            product_id: parameters.product_id,
            placed_after: parameters.placed_after,
            placed_before: parameters.placed_before,
        }
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
    "allowed_transitions": ["paid", "cancelled"],
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
    /// The statuses to which whoever asks may take the order now.
    #[schema(schema_with = statuses)]
    allowed_transitions: Vec<&'static str>,
    /// How many times the order was written.
    #[schema(minimum = 1)]
    version: i64,
}

fn status() -> Ref {
    Ref::from_schema_name("OrderStatus")
}

fn statuses() -> Array {
    ArrayBuilder::new().items(status()).build()
}

/// One product of an order, at the price at which the order was placed.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderItem {
    id: Uuid,
    #[serde(flatten)]
    quote: QuoteItem,
}

impl Order {
    /// The order, as this caller sees it.
    pub(crate) fn seen_by(caller: &Caller, order: &orders::Order) -> Self {
        let item = |item: &orders::OrderItem| OrderItem {
            id: item.id.as_uuid(),
            quote: item.into(),
        };
        let allowed = order.transitions_for(caller);
        Self {
            id: order.id.as_uuid(),
            customer_id: order.customer_id.as_uuid(),
            data_order: order.placed_at,
            status: order.status.as_str(),
            itens: order.items.iter().map(item).collect(),
            total: Money(order.total().as_decimal()),
            allowed_transitions: allowed.into_iter().map(OrderStatus::as_str).collect(),
            version: order.version.number(),
        }
    }
}

/// The history of an order.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderHistory {
    /// Every status that it got, the oldest first.
    items: Vec<HistoryEntry>,
}

impl From<&orders::History> for OrderHistory {
    fn from(history: &orders::History) -> Self {
        Self {
            items: history.entries.iter().map(HistoryEntry::from).collect(),
        }
    }
}

/// An order got a status.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "status": "paid",
    "at": "2026-11-23T12:05:00.123456Z",
    "role": "staff",
    "account_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b9",
    "note": "Pago por Pix.",
}))]
pub(crate) struct HistoryEntry {
    /// The status.
    #[schema(schema_with = status)]
    status: &'static str,
    /// When, in UTC; `null` of what happened before histories were kept.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    at: Option<OffsetDateTime>,
    /// The role of who did it; `null` when it is not known.
    #[schema(required, schema_with = role)]
    role: Option<&'static str>,
    /// The account that did it; `null` when it is not known, and, to customers, when it is of the
    /// shop.
    #[schema(required)]
    account_id: Option<Uuid>,
    /// What they noted with it.
    #[schema(required)]
    note: Option<String>,
}

/// An order of a person got a status.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderHistoryEntry {
    order_id: Uuid,
    #[serde(flatten)]
    entry: HistoryEntry,
}

impl From<&(OrderId, orders::HistoryEntry)> for OrderHistoryEntry {
    fn from((id, entry): &(OrderId, orders::HistoryEntry)) -> Self {
        Self {
            order_id: id.as_uuid(),
            entry: entry.into(),
        }
    }
}

impl From<&orders::HistoryEntry> for HistoryEntry {
    fn from(entry: &orders::HistoryEntry) -> Self {
        Self {
            status: entry.status.as_str(),
            at: entry.at,
            role: entry.role.map(Role::as_str),
            account_id: entry.account_id.map(AccountId::as_uuid),
            note: entry.note.as_ref().map(|note| note.as_str().to_owned()),
        }
    }
}

/// A row for each item.
impl Exported for orders::Order {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "customer_id",
        "data_order",
        "status",
        "product_id",
        "quantidade",
        "preco_unitario",
        "subtotal",
    ];

    type Line = Order;

    fn line(&self, caller: &Caller) -> Order {
        Order::seen_by(caller, self)
    }

    fn write(&self, table: &mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error> {
        let (id, customer_id) = (self.id.to_string(), self.customer_id.to_string());
        let placed_at = moment(self.placed_at);
        for item in &self.items {
            table.write_record([
                id.as_str(),
                &customer_id,
                &placed_at,
                self.status.as_str(),
                &item.product_id.to_string(),
                &item.quantity.units().to_string(),
                &item.unit_price.as_decimal().to_string(),
                &item.subtotal().as_decimal().to_string(),
            ])?;
        }
        Ok(())
    }
}
