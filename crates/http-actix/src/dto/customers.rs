//! Customers, on the wire.

use domain::{
    customers::{self, CustomerEdit, CustomerSort, CustomersFilter, Registration},
    idempotency::IdempotencyKey,
    identity::{Caller, Password},
    values::{Email, Name, SearchTerms, Sort},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ApiKey, Order, OrderHistoryEntry, Session,
    input::{Replaced, Sorted, input},
    wire::moment,
};
use crate::bulk::{Exported, defused};

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
    /// Which customers are asked for.
    pub(crate) struct CustomersParameters {
        /// Only the customer with this email address, in whatever case.
        email: Option<Email>,
        /// Only customers whose name has words like these, whatever the case, the accents and the
        /// typing errors.
        q: Option<SearchTerms> = "ana sousa",
    }
}

impl Sorted for CustomersParameters {
    type By = CustomerSort;
    const DEFAULT: Sort<CustomerSort> = Sort::descending(CustomerSort::CreatedAt);
    const ABOUT: &'static str = "`-created_at`, the latest first, by default.";
    const EXAMPLE: &'static str = "nome";
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

/// What is kept of a customer's account; the password is kept as a hash alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountRecord {
    id: Uuid,
    /// The address that it logs in with.
    email: String,
    /// When it was created, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// The idempotency keys of its requests of the last day.
    idempotency_keys: Vec<SentKey>,
    /// Where it is logged in.
    sessions: Vec<Session>,
    /// Its keys for machines.
    api_keys: Vec<ApiKey>,
}

/// An idempotency key that an account sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct SentKey {
    key: String,
    /// When it was sent, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    sent_at: OffsetDateTime,
}

impl AccountRecord {
    pub(crate) fn seen_by(caller: &Caller, record: &customers::AccountRecord) -> Self {
        let key = |(key, sent_at): &(IdempotencyKey, OffsetDateTime)| SentKey {
            key: key.as_str().to_owned(),
            sent_at: *sent_at,
        };
        Self {
            id: record.id.as_uuid(),
            email: record.email.as_str().to_owned(),
            created_at: record.created_at,
            idempotency_keys: record.keys.iter().map(key).collect(),
            sessions: record
                .sessions
                .iter()
                .map(|session| Session::seen_by(caller, session))
                .collect(),
            api_keys: record.api_keys.iter().map(ApiKey::from).collect(),
        }
    }
}

/// All that is known of a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonalData {
    customer: Customer,
    /// `null` for a customer without an account.
    #[schema(required)]
    account: Option<AccountRecord>,
    /// Every order, in the sequence of their ids.
    orders: Vec<Order>,
    /// Every status that the orders got, order by order.
    history: Vec<OrderHistoryEntry>,
}

impl Exported for customers::Customer {
    const COLUMNS: &'static [&'static str] = &["id", "nome", "email", "created_at"];

    type Line = Customer;

    fn line(&self, _: &Caller) -> Customer {
        self.into()
    }

    fn write(&self, table: &mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error> {
        table.write_record([
            &self.id.to_string(),
            &defused(self.name.as_str()),
            &defused(self.email.as_str()),
            &moment(self.created_at),
        ])
    }
}
