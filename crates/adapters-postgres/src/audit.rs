//! The audit log: the table `audit`. What is done writes its entry in its own transaction.

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::{Action, AuditEntry, AuditFilter, AuditLog},
    identity::{AccountId, Actor, ApiKeyId, ClientAddress},
    values::{Page, PageRequest},
};
use time::OffsetDateTime;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use crate::{
    connection::Connection,
    database::Database,
    error::column,
    list::{Conditions, Keyset, page_of_table},
    statements::{self, Statement, Value},
};

/// One row or many: what was done at one moment.
const INSERT: &str = "
    insert into audit (at, account_id, role, api_key_id, action, thing_id, address, request_id)
    select $1, *
    from unnest(
        $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[]
    )";

/// What is read of a row.
const COLUMNS: &str = "id, at, account_id, role, api_key_id, action, thing_id, address, request_id";

/// The latest first.
const LISTED: Keyset = Keyset {
    key: ("at", "timestamptz"),
    id: "id",
    is_descending: true,
};

/// What one actor does to one thing.
#[derive(Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) by: &'a Actor,
    pub(crate) action: Action,
    pub(crate) thing_id: Uuid,
}

/// The entries of what is done at one moment; of what is not audited there is none.
pub(crate) struct Entries<'a> {
    at: OffsetDateTime,
    accounts: Vec<Uuid>,
    roles: Vec<&'static str>,
    api_keys: Vec<Option<Uuid>>,
    actions: Vec<&'static str>,
    things: Vec<Uuid>,
    addresses: Vec<Option<String>>,
    request_ids: Vec<Option<&'a str>>,
}

impl<'a> Entries<'a> {
    pub(crate) fn of(at: OffsetDateTime, acts: impl IntoIterator<Item = Act<'a>>) -> Self {
        let mut entries = Self {
            at,
            accounts: Vec::new(),
            roles: Vec::new(),
            api_keys: Vec::new(),
            actions: Vec::new(),
            things: Vec::new(),
            addresses: Vec::new(),
            request_ids: Vec::new(),
        };
        for Act {
            by,
            action,
            thing_id,
        } in acts
        {
            if !by.is_audited() {
                continue;
            }
            let origin = by.origin.as_deref();
            entries.accounts.push(by.account_id.as_uuid());
            entries.roles.push(by.role.as_str());
            entries.api_keys.push(by.api_key_id.map(ApiKeyId::as_uuid));
            entries.actions.push(action.as_str());
            entries.things.push(thing_id);
            let address = origin.map(|origin| origin.address.to_string());
            entries.addresses.push(address);
            let request_id = origin.map(|origin| origin.request_id.as_str());
            entries.request_ids.push(request_id);
        }
        entries
    }

    /// What one actor has done to one thing.
    pub(crate) fn one(at: OffsetDateTime, by: &'a Actor, action: Action, thing_id: Uuid) -> Self {
        let act = Act {
            by,
            action,
            thing_id,
        };
        Self::of(at, [act])
    }

    fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// Prepares what [`Self::write`] sends, if there is anything to write.
    pub(crate) async fn prepare(&self, client: &Connection) -> Result<Option<Statement>, Error> {
        if self.is_empty() {
            return Ok(None);
        }
        client.prepare(INSERT).await.map(Some)
    }

    /// Writes the entries, within a transaction.
    pub(crate) async fn write(
        &self,
        client: &Client,
        prepared: Option<&Statement>,
    ) -> Result<(), Error> {
        if let Some(insert) = prepared {
            insert.execute(client, &self.params()).await?;
        }
        Ok(())
    }

    /// Prepares and writes the entries, within a transaction.
    pub(crate) async fn write_now(&self, client: &Client) -> Result<(), Error> {
        if !self.is_empty() {
            statements::execute(client, INSERT, &self.params()).await?;
        }
        Ok(())
    }

    fn params(&self) -> [&dyn Value; 8] {
        [
            &self.at,
            &self.accounts,
            &self.roles,
            &self.api_keys,
            &self.actions,
            &self.things,
            &self.addresses,
            &self.request_ids,
        ]
    }
}

/// The audit log in PostgreSQL.
#[derive(Clone)]
pub struct PgAudit {
    database: Database,
}

impl PgAudit {
    /// Reads the log of this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }
}

#[async_trait]
impl AuditLog for PgAudit {
    #[tracing::instrument(level = "debug", name = "db.audit.page", skip_all)]
    async fn page(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StorageError> {
        let read = async |database| {
            let mut conditions = Conditions::default();
            conditions.when("account_id = ?", filter.account_id.map(AccountId::as_uuid));
            conditions.when("thing_id = ?", filter.thing_id);
            conditions.when("at >= ?", filter.after);
            conditions.when("at < ?", filter.before);
            let table = (COLUMNS, "audit");
            page_of_table(&database, table, &LISTED, conditions, page, entry).await
        };
        self.database.recent_list(page.freshness, read).await
    }
}

fn entry(row: &Row) -> Result<AuditEntry, StorageError> {
    let address = column::<Option<&str>>(row, "address")?;
    let address = address.map(str::parse::<ClientAddress>).transpose();
    let role = column::<&str>(row, "role")?.parse();
    let action = column::<&str>(row, "action")?.parse();
    Ok(AuditEntry {
        id: column(row, "id")?,
        at: column(row, "at")?,
        account_id: AccountId::new(column(row, "account_id")?),
        role: role.map_err(StorageError::corrupt)?,
        api_key_id: column::<Option<Uuid>>(row, "api_key_id")?.map(ApiKeyId::new),
        action: action.map_err(StorageError::corrupt)?,
        thing_id: column(row, "thing_id")?,
        address: address.map_err(StorageError::corrupt)?,
        request_id: column(row, "request_id")?,
    })
}
