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

use crate::entry::Entry;

/// The format of the entries, a part of every key.
pub(crate) const FORMAT: &str = "3";

/// An entity that can be stored outside of this process.
pub trait Stored: Versioned + Sized + TryFrom<Self::Entry> {
    /// The part of every key that names the kind of the entity.
    const KIND: &'static str;

    /// The stored form.
    type Entry: for<'a> From<&'a Self> + Serialize + DeserializeOwned + Send;
}

/// The stored form of an entity.
pub(crate) fn encode<T: Stored>(value: &T) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(&T::Entry::from(value))
}

/// The entity of an entry; `None` when it cannot be decoded, is not all there is, or is of another
/// version than it says.
pub(crate) fn decode<T: Stored>(kept: &Entry) -> Option<T> {
    let (entry, behind) = postcard::take_from_bytes::<T::Entry>(kept.body()).ok()?;
    let value: T = behind.is_empty().then_some(entry)?.try_into().ok()?;
    (value.version().number() == kept.version).then_some(value)
}

/// A price, as the sixteen bytes of its decimal.
type StoredPrice = [u8; 16];

fn price(stored: StoredPrice) -> Result<Price, ValueError> {
    Price::from_decimal(Decimal::deserialize(stored))
}

#[cfg(test)]
mod tests {
    use domain::{
        customers::{Customer, CustomerId},
        values::{Email, Name, Version},
    };
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_entity_with_something_behind_it_is_foreign() {
        let customer = Customer {
            id: CustomerId::new(Uuid::from_u128(7)),
            name: Name::parse("Ana").unwrap(),
            email: Email::parse("ana@example.com").unwrap(),
            created_at: OffsetDateTime::UNIX_EPOCH,
            version: Version::FIRST,
        };
        let text = [b"1:", encode(&customer).unwrap().as_slice()].concat();
        let read = |text: Vec<u8>| decode::<Customer>(&Entry::parse(text).ok().unwrap());
        assert!(read(text.clone()).is_some());
        // As a later release would write it that has one more field.
        assert!(read([text.as_slice(), b"\0"].concat()).is_none());
    }
}
