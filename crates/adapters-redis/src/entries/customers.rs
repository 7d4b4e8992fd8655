//! The stored form of customers.

use domain::{
    customers::{Customer, CustomerId},
    values::{Email, Name, ValueError, Version},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Stored;

impl Stored for Customer {
    const KIND: &'static str = "customer";
    type Entry = CustomerEntry;
}

#[derive(Serialize, Deserialize)]
pub struct CustomerEntry {
    id: Uuid,
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
