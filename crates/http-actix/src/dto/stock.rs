//! Stock, on the wire.

use domain::stock::{self, StockLevel};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::input::input;

input! {
    /// The new stock level of a product.
    pub(crate) struct NewStockLevel {
        /// The units that can be ordered.
        quantidade_disponivel: StockLevel,
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
