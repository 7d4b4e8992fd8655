//! The stored form of orders.

use domain::{
    catalog::ProductId,
    customers::CustomerId,
    orders::{Order, OrderId, OrderItem, OrderItemId, OrderStatus},
    values::{Quantity, ValueError, Version},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Stored, StoredPrice, price};

impl Stored for Order {
    const KIND: &'static str = "order";
    type Entry = OrderEntry;
}

#[derive(Serialize, Deserialize)]
pub struct OrderEntry {
    id: Uuid,
    customer_id: Uuid,
    #[serde(with = "time::serde::timestamp::microseconds")]
    placed_at: OffsetDateTime,
    status: String,
    items: Vec<ItemEntry>,
    version: i64,
}

#[derive(Serialize, Deserialize)]
struct ItemEntry {
    id: Uuid,
    product_id: Uuid,
    quantity: i64,
    unit_price: StoredPrice,
}

impl From<&Order> for OrderEntry {
    fn from(order: &Order) -> Self {
        let item = |item: &OrderItem| ItemEntry {
            id: item.id.as_uuid(),
            product_id: item.product_id.as_uuid(),
            quantity: item.quantity.units().into(),
            unit_price: item.unit_price.as_decimal().serialize(),
        };
        Self {
            id: order.id.as_uuid(),
            customer_id: order.customer_id.as_uuid(),
            placed_at: order.placed_at,
            status: order.status.as_str().to_owned(),
            items: order.items.iter().map(item).collect(),
            version: order.version.number(),
        }
    }
}

impl TryFrom<OrderEntry> for Order {
    type Error = ValueError;

    fn try_from(entry: OrderEntry) -> Result<Self, ValueError> {
        let item = |item: ItemEntry| {
            Ok(OrderItem {
                id: OrderItemId::new(item.id),
                product_id: ProductId::new(item.product_id),
                quantity: Quantity::from_stored(item.quantity)?,
                unit_price: price(item.unit_price)?,
            })
        };
        Ok(Self {
            id: OrderId::new(entry.id),
            customer_id: CustomerId::new(entry.customer_id),
            placed_at: entry.placed_at,
            status: entry.status.parse::<OrderStatus>()?,
            items: entry
                .items
                .into_iter()
                .map(item)
                .collect::<Result<_, _>>()?,
            version: Version::parse(entry.version)?,
        })
    }
}
