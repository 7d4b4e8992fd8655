//! The audit log, on the wire.

use domain::{
    audit::{self, Action, AuditFilter, Thing},
    identity::{AccountId, ApiKeyId},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::{ToSchema, openapi::Object};
use uuid::Uuid;

use super::{
    input::input,
    wire::{own_role, string},
};

input! {
    /// Which entries are asked for.
    pub(crate) struct AuditParameters {
        /// Only what this account did.
        account_id: Option<AccountId>,
        /// Only what was done to this thing.
        thing_id: Option<Uuid>,
        /// Only what was done then or later.
        after: Option<OffsetDateTime>,
        /// Only what was done before then.
        before: Option<OffsetDateTime>,
    }
}

impl From<AuditParameters> for AuditFilter {
    fn from(parameters: AuditParameters) -> Self {
        Self {
            account_id: parameters.account_id,
            thing_id: parameters.thing_id,
            after: parameters.after,
            before: parameters.before,
        }
    }
}

/// Who did what to which thing.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "a3bb189e-8bf9-4888-9912-ace4e6543002",
    "at": "2026-11-23T12:05:00.123456Z",
    "account_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b9",
    "role": "staff",
    "api_key_id": null,
    "action": "orders:transition",
    "thing": "order",
    "thing_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b7",
    "address": "192.0.2.1",
    "request_id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
}))]
pub(crate) struct AuditEntry {
    id: Uuid,
    /// When, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// The account that did it; only zeros for the command line.
    account_id: Uuid,
    /// The role that it had.
    #[schema(schema_with = own_role)]
    role: &'static str,
    /// The API key that it did it with.
    #[schema(required)]
    api_key_id: Option<Uuid>,
    /// What it did.
    #[schema(schema_with = action)]
    action: &'static str,
    /// What kind of thing it did it to.
    #[schema(schema_with = thing)]
    thing: &'static str,
    /// The id of that thing.
    thing_id: Uuid,
    /// The IPv4 address, or the network of the IPv6 address, that it did it from.
    #[schema(required)]
    address: Option<String>,
    /// The id of the request.
    #[schema(required)]
    request_id: Option<String>,
}

fn action() -> Object {
    let all = Action::ALL.iter().map(|action| action.as_str());
    string().enum_values(Some(all)).build()
}

fn thing() -> Object {
    string()
        .enum_values(Some(Thing::ALL.map(Thing::as_str)))
        .build()
}

impl From<&audit::AuditEntry> for AuditEntry {
    fn from(entry: &audit::AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            account_id: entry.account_id.as_uuid(),
            role: entry.role.as_str(),
            api_key_id: entry.api_key_id.map(ApiKeyId::as_uuid),
            action: entry.action.as_str(),
            thing: entry.action.thing().as_str(),
            thing_id: entry.thing_id,
            address: entry.address.map(|address| address.to_string()),
            request_id: entry.request_id.clone(),
        }
    }
}
