//! Customers, on the wire.

use domain::{
    customers::{self, Registration},
    identity::Password,
    values::{Email, Name},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::input::input;

input! {
    /// A customer to be registered.
    pub(crate) struct NewCustomer {
        /// The customer's name.
        nome: Name,
        /// The email address; no two customers have the same one, whatever its case.
        email: Email,
        /// With a password, the customer gets an account. Somebody who signs up must choose one: at
        /// least 8 characters, and at most 71 bytes of UTF-8.
        password: Option<Password>,
    }
}

impl From<NewCustomer> for Registration {
    fn from(new: NewCustomer) -> Self {
        Self {
            name: new.nome,
            email: new.email,
            password: new.password,
        }
    }
}

/// A customer.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "nome": "Ana Souza",
    "email": "ana@example.com",
    "created_at": "2026-11-23T12:00:00.123456Z",
}))]
pub(crate) struct Customer {
    id: Uuid,
    /// The customer's name.
    nome: String,
    /// The email address.
    email: String,
    /// When the customer was registered, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<&customers::Customer> for Customer {
    fn from(customer: &customers::Customer) -> Self {
        Self {
            id: customer.id.as_uuid(),
            nome: customer.name.as_str().to_owned(),
            email: customer.email.as_str().to_owned(),
            created_at: customer.created_at,
        }
    }
}
