//! What is written into an entry: entities in postcard's compact form. A field that is added,
//! moved or changes its meaning needs a new [`FORMAT`], so that replicas of two releases do not
//! misread each other.

use domain::{
    BestSeller, Customer, CustomerId, Email, Name, Order, OrderId, OrderItem, OrderItemId,
    OrderStatus, Price, ProductId, Quantity, ValueError, Version, ports::BestSellersList,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// The format of the entries, a part of every key.
pub(crate) const FORMAT: &str = "3";

/// A price, as the sixteen bytes of its decimal.
type StoredPrice = [u8; 16];

fn price(stored: StoredPrice) -> Result<Price, ValueError> {
    Price::from_decimal(Decimal::deserialize(stored))
}

#[derive(Serialize, Deserialize)]
pub(crate) struct OrderEntry {
    pub(crate) id: Uuid,
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

#[derive(Serialize, Deserialize)]
pub(crate) struct CustomerEntry {
    pub(crate) id: Uuid,
    name: String,
    email: String,
    #[serde(with = "time::serde::timestamp::microseconds")]
    created_at: OffsetDateTime,
    version: i64,
}

impl From<&Customer> for CustomerEntry {
    fn from(customer: &Customer) -> Self {
        Self {
            id: customer.id.as_uuid(),
            name: customer.name.as_str().to_owned(),
            email: customer.email.as_str().to_owned(),
            created_at: customer.created_at,
            version: customer.version.number(),
        }
    }
}

impl TryFrom<CustomerEntry> for Customer {
    type Error = ValueError;

    fn try_from(entry: CustomerEntry) -> Result<Self, ValueError> {
        Ok(Self {
            id: CustomerId::new(entry.id),
            name: Name::parse(&entry.name)?,
            email: Email::parse(&entry.email)?,
            created_at: entry.created_at,
            version: Version::parse(entry.version)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BestSellersEntry {
    pub(crate) days: u16,
    #[serde(with = "time::serde::timestamp::microseconds")]
    as_of: OffsetDateTime,
    items: Vec<BestSellerEntry>,
}

#[derive(Serialize, Deserialize)]
struct BestSellerEntry {
    product_id: Uuid,
    name: String,
    price: StoredPrice,
    sold: u64,
}

impl BestSellersEntry {
    pub(crate) fn new(days: u16, list: &BestSellersList) -> Self {
        let item = |item: &BestSeller| BestSellerEntry {
            product_id: item.product_id.as_uuid(),
            name: item.name.as_str().to_owned(),
            price: item.price.as_decimal().serialize(),
            sold: item.sold,
        };
        Self {
            days,
            as_of: list.as_of,
            items: list.items.iter().map(item).collect(),
        }
    }
}

impl TryFrom<BestSellersEntry> for BestSellersList {
    type Error = ValueError;

    fn try_from(entry: BestSellersEntry) -> Result<Self, ValueError> {
        let item = |item: BestSellerEntry| {
            Ok(BestSeller {
                product_id: ProductId::new(item.product_id),
                name: Name::parse(&item.name)?,
                price: price(item.price)?,
                sold: item.sold,
            })
        };
        Ok(Self {
            as_of: entry.as_of,
            items: entry
                .items
                .into_iter()
                .map(item)
                .collect::<Result<_, _>>()?,
        })
    }
}
