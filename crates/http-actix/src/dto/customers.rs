//! Customers, on the wire.

use domain::{
    customers::{self, CustomerEdit, CustomerSort, CustomersFilter, Registration},
    identity::Password,
    values::{Email, Name, SearchTerms, Sort},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::input::{Replaced, input};

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

input! {
    /// The fields of a customer that get another value (JSON Merge Patch, RFC 7396).
    pub(crate) struct CustomerPatch {
        /// The new name.
        nome: Replaced<Name>,
        /// The new email address, with which the customer's account logs in from now on.
        email: Replaced<Email> = "ana.souza@example.com",
    }
}

impl From<CustomerPatch> for CustomerEdit {
    fn from(patch: CustomerPatch) -> Self {
        Self {
            name: patch.nome.0,
            email: patch.email.0,
        }
    }
}

input! {
    /// Which customers are listed, and in which sequence.
    pub(crate) struct CustomersParameters {
        /// Only the customer with this email address, in whatever case.
        email: Option<Email>,
        /// Only customers whose name has words like these, whatever the case, the accents and the
        /// typing errors.
        q: Option<SearchTerms> = "ana sousa",
        /// `-created_at`, the latest first, by default.
        sort: Option<Sort<CustomerSort>> = "nome",
    }
}

impl CustomersParameters {
    pub(crate) fn sort(&self) -> Sort<CustomerSort> {
        let latest_first = Sort::descending(CustomerSort::CreatedAt);
        self.sort.unwrap_or(latest_first)
    }
}

impl From<CustomersParameters> for CustomersFilter {
    fn from(parameters: CustomersParameters) -> Self {
        Self {
            email: parameters.email,
            terms: parameters.q,
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
