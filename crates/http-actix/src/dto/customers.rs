//! Customers, on the wire.

use domain::{
    customers::{Customer, Registration},
    identity::Password,
    values::{Email, Name},
};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::body::{Fields, FromBody, Wrong};

impl FromBody for Registration {
    fn from_body(fields: &mut Fields<'_>) -> Result<Self, Wrong> {
        let name = fields.required("nome", |text: String| Name::parse(&text));
        let email = fields.required("email", |text: String| Email::parse(&text));
        let password = fields.optional("password", Password::parse);
        Ok(Self {
            name: name?,
            email: email?,
            password: password?,
        })
    }
}

#[derive(Serialize)]
pub(crate) struct CustomerBody<'a> {
    id: Uuid,
    nome: &'a str,
    email: &'a str,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl<'a> From<&'a Customer> for CustomerBody<'a> {
    fn from(customer: &'a Customer) -> Self {
        Self {
            id: customer.id.as_uuid(),
            nome: customer.name.as_str(),
            email: customer.email.as_str(),
            created_at: customer.created_at,
        }
    }
}
