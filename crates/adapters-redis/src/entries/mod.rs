//! The stored form of entities: postcard's compact encoding. A field that is added or moved, or
//! whose meaning changes, needs a new [`FORMAT`], so that replicas of two releases do not misread
//! each other.

mod catalog;
mod customers;
mod orders;

use domain::{
    cache::Versioned,
    values::{Price, ValueError},
};
use rust_decimal::Decimal;
use serde::{Serialize, de::DeserializeOwned};

/// The format of the entries, a part of every key.
pub(crate) const FORMAT: &str = "3";

/// An entity that can be stored outside of this process.
pub trait Stored: Versioned + Sized + TryFrom<Self::Entry> {
    /// The part of every key that names the kind of the entity.
    const KIND: &'static str;

    /// The stored form.
    type Entry: for<'a> From<&'a Self> + Serialize + DeserializeOwned + Send;
}

/// A price, as the sixteen bytes of its decimal.
type StoredPrice = [u8; 16];

fn price(stored: StoredPrice) -> Result<Price, ValueError> {
    Price::from_decimal(Decimal::deserialize(stored))
}
