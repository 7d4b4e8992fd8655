//! The stored form of lists of best sellers.

use domain::{
    catalog::{BestSeller, BestSellersList, ProductId},
    values::{Name, ValueError},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Stored, StoredPrice, price};

impl Stored for BestSellersList {
    const KIND: &'static str = "best-sellers";
    type Entry = BestSellersEntry;
}

#[derive(Serialize, Deserialize)]
pub struct BestSellersEntry {
    days: u16,
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

impl From<&BestSellersList> for BestSellersEntry {
    fn from(list: &BestSellersList) -> Self {
        let item = |item: &BestSeller| BestSellerEntry {
            product_id: item.product_id.as_uuid(),
            name: item.name.as_str().to_owned(),
            price: item.price.as_decimal().serialize(),
            sold: item.sold,
        };
        Self {
            days: list.days,
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
            days: entry.days,
            as_of: entry.as_of,
            items: entry
                .items
                .into_iter()
                .map(item)
                .collect::<Result<_, _>>()?,
        })
    }
}
