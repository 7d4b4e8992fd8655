//! Stock, on the wire.

use domain::{
    identity::{AccountId, Role},
    orders::OrderId,
    stock::{self, LedgerReason, MovementReason, StockDelta, StockLevel},
    values::{Note, Sku},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::{ToSchema, openapi::Object};
use uuid::Uuid;

use super::{
    input::input,
    wire::{role, string},
};

input! {
    /// What was counted.
    pub(crate) struct NewStockLevel {
        /// The units that can be ordered.
        quantidade_disponivel: StockLevel,
        /// The units that there should be: with another number nothing is set, so that two who count
        /// do not overwrite each other.
        expected: Option<StockLevel>,
    }
}

input! {
    /// Units that come or go.
    pub(crate) struct NewMovement {
        /// How many units come, or go with a minus.
        delta: StockDelta,
        /// Why. Sales, cancellations, counts and the opening stock are entered without this.
        reason: MovementReason,
        /// What is to be noted with it.
        note: Option<Note> = "Nota fiscal 1234.",
    }
}

impl From<NewMovement> for stock::NewMovement {
    fn from(new: NewMovement) -> Self {
        Self {
            delta: new.delta,
            reason: new.reason,
            note: new.note,
        }
    }
}

input! {
    /// Which stock is asked for.
    pub(crate) struct LevelsParameters {
        /// Only products of which there is less than this.
        below: StockLevel,
    }
}

/// The stock of a product.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "product_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b6",
    "quantidade_disponivel": 240,
}))]
pub(crate) struct Stock {
    id: Uuid,
    product_id: Uuid,
    /// The units that can be ordered.
    #[schema(minimum = 0)]
    quantidade_disponivel: i64,
}

impl From<stock::Stock> for Stock {
    fn from(stock: stock::Stock) -> Self {
        Self {
            id: stock.id.as_uuid(),
            product_id: stock.product_id.as_uuid(),
            quantidade_disponivel: stock.available.units(),
        }
    }
}

/// How much there is of a product.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "product_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b6",
    "nome": "Café do Cerrado, 250 g",
    "sku": "CAFE-CERRADO-250",
    "quantidade_disponivel": 3,
}))]
pub(crate) struct ProductStock {
    product_id: Uuid,
    nome: String,
    /// The shop's own number of the product.
    #[schema(required)]
    sku: Option<String>,
    /// The units that can be ordered.
    #[schema(minimum = 0)]
    quantidade_disponivel: i64,
}

impl From<&stock::ProductStock> for ProductStock {
    fn from(stock: &stock::ProductStock) -> Self {
        Self {
            product_id: stock.product_id.as_uuid(),
            nome: stock.name.as_str().to_owned(),
            sku: stock.sku.as_ref().map(Sku::as_str).map(str::to_owned),
            quantidade_disponivel: stock.available.units(),
        }
    }
}

/// A change of the stock of a product.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b8",
    "at": "2026-11-23T12:05:00.123456Z",
    "reason": "receipt",
    "delta": 24,
    "balance": 240,
    "order_id": null,
    "role": "staff",
    "account_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b9",
    "note": "Nota fiscal 1234.",
}))]
pub(crate) struct LedgerEntry {
    /// The movement, or the item of the order: its sale and its cancellation have the same.
    id: Uuid,
    /// When, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// Why.
    #[schema(schema_with = reason)]
    reason: &'static str,
    /// How many units came, or went with a minus.
    delta: i64,
    /// The units after it. Below zero only where a count from before ledgers were kept is missing.
    balance: i64,
    /// The order that was placed or cancelled.
    #[schema(required)]
    order_id: Option<Uuid>,
    /// The role of who did it; `null` when it is not known.
    #[schema(required, schema_with = role)]
    role: Option<&'static str>,
    /// The account that did it; `null` when it is not known.
    #[schema(required)]
    account_id: Option<Uuid>,
    /// What they noted with it.
    #[schema(required)]
    note: Option<String>,
}

fn reason() -> Object {
    string()
        .enum_values(Some(LedgerReason::ALL.map(LedgerReason::as_str)))
        .build()
}

impl From<&stock::LedgerEntry> for LedgerEntry {
    fn from(entry: &stock::LedgerEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            reason: entry.reason.as_str(),
            delta: entry.delta,
            balance: entry.balance,
            order_id: entry.order_id.map(OrderId::as_uuid),
            role: entry.role.map(Role::as_str),
            account_id: entry.account_id.map(AccountId::as_uuid),
            note: entry.note.as_ref().map(|note| note.as_str().to_owned()),
        }
    }
}
