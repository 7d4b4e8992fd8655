//! API keys, on the wire.

use domain::{
    identity::{self, ApiKeySecret, KeyLife, Permission, Permissions},
    values::Name,
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{Values, input},
    tokens::write_api_key,
    wire::Scope,
};

input! {
    /// A key for a machine.
    pub(crate) struct NewApiKey {
        /// What to call it.
        name: Name = "ERP",
        /// What it may do, as long as its owner may.
        scopes: Values<Scope, 1, 100>,
        /// How many days it lives; 90 by default.
        expires_in_days: Option<KeyLife>,
    }
}

impl From<NewApiKey> for identity::NewApiKey {
    fn from(new: NewApiKey) -> Self {
        Self {
            name: new.name,
            scopes: Permissions::of(
                &new.scopes
                    .0
                    .into_iter()
                    .map(|scope| scope.0)
                    .collect::<Vec<_>>(),
            ),
            life: new.expires_in_days.unwrap_or(KeyLife::NINETY_DAYS),
        }
    }
}

/// A key for a machine.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4bb",
    "name": "ERP",
    "scopes": ["orders:read", "orders:write"],
    "created_at": "2026-11-23T12:00:00.123456Z",
    "expires_at": "2027-02-21T12:00:00.123456Z",
    "used_at": "2026-11-23T12:00:00Z",
}))]
pub(crate) struct ApiKey {
    id: Uuid,
    /// What its owner calls it.
    name: String,
    /// What it may do, as long as its owner may.
    scopes: Vec<&'static str>,
    /// When it was made, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it ends, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// The hour in which it was last used, in UTC; `null` when it never was.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    used_at: Option<OffsetDateTime>,
}

impl From<&identity::ApiKey> for ApiKey {
    fn from(key: &identity::ApiKey) -> Self {
        Self {
            id: key.id.as_uuid(),
            name: key.name.as_str().to_owned(),
            scopes: key.scopes.iter().map(Permission::as_str).collect(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            used_at: key.used_at,
        }
    }
}

/// A key that was just made, with what nobody is told again.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "key": "blc_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
    "id": "0192f0c1-2a3b-7c4d-8e5f-60718293a4bb",
    "name": "ERP",
    "scopes": ["orders:read", "orders:write"],
    "created_at": "2026-11-23T12:00:00.123456Z",
    "expires_at": "2027-02-21T12:00:00.123456Z",
    "used_at": null,
}))]
pub(crate) struct MadeApiKey {
    /// What to send in the header `Authorization: Bearer KEY`. It is shown this once.
    key: String,
    #[serde(flatten)]
    about: ApiKey,
}

impl MadeApiKey {
    pub(crate) fn new(key: &identity::ApiKey, secret: &ApiKeySecret) -> Self {
        Self {
            key: write_api_key(secret),
            about: key.into(),
        }
    }
}
