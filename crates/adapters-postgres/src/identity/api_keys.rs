//! API keys: the table `api_keys`. Triggers tell the replicas of those that end or may do something
//! else.

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    identity::{
        AccountId, Actor, ApiKey, ApiKeyId, ApiKeyRepository, OwnedApiKey, Permission, Permissions,
        TokenHash,
    },
    values::{Name, Page, PageRequest},
};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{principal, revocations::PATIENCE, sessions::hash};
use crate::{
    audit::Entries,
    connection::Connection,
    database::Database,
    error::column,
    list::{Conditions, Keyset, page_of_table},
    statements::{self, Value},
};

/// While its account is what it is: whoever changes that then tells of this key, too.
const INSERT: &str = "
    insert into api_keys (id, account_id, name, scopes, created_at, expires_at, secret)
    select $1, id, $3, $4, $5, $6, $7
    from users
    where id = $2
      and disabled_at is null
    for share";

const FIND_BY_SECRET: &str = "
    select api_keys.id, account_id, name, scopes, api_keys.created_at, expires_at, used_at, secret,
           role, customer_id, disabled_at is not null as is_disabled
    from api_keys
    join users on users.id = any(array[account_id])
    where secret = $1";

const FIND: &str = "
    select id, account_id, name, scopes, created_at, expires_at, used_at, secret
    from api_keys
    where id = $2
      and account_id = $1";

const OF_ACCOUNT: &str = "
    select id, account_id, name, scopes, created_at, expires_at, used_at, secret
    from api_keys
    where account_id = $1
    order by created_at, id";

const REMOVE: &str = "
    delete from api_keys
    where id = $2
      and account_id = $1";

/// In the sequence of their ids, so that replicas wait for each other.
const RECORD_USES: &str = "
    update api_keys
    set used_at = hour
    from (
        select id, hour
        from unnest($1::uuid[], $2::timestamptz[]) as used (id, hour)
        order by id
    ) as used
    where api_keys.id = any(array[used.id])
      and (used_at is null or used_at < hour)";

/// What is read of a row.
const COLUMNS: &str = "id, account_id, name, scopes, created_at, expires_at, used_at, secret";

/// The latest first.
const LISTED: Keyset = Keyset {
    key: ("created_at", "timestamptz"),
    id: "id",
    is_descending: true,
};

/// API keys in PostgreSQL.
#[derive(Clone)]
pub struct PgApiKeys {
    database: Database,
}

impl PgApiKeys {
    /// Stores keys in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }
}

#[async_trait]
impl ApiKeyRepository for PgApiKeys {
    #[tracing::instrument(level = "debug", name = "db.api_keys.insert", skip_all)]
    async fn insert(&self, key: &ApiKey, by: &Actor) -> Result<bool, StorageError> {
        let scopes: Vec<_> = key.scopes.iter().map(Permission::as_str).collect();
        let params: [&dyn Value; 7] = [
            &key.id.as_uuid(),
            &key.account_id.as_uuid(),
            &key.name.as_str(),
            &scopes,
            &key.created_at,
            &key.expires_at,
            &key.secret.as_bytes(),
        ];
        let insert = async |client: Connection| {
            let inserting = client.in_transaction(async |client| {
                let inserted = statements::execute(client, INSERT, &params).await?;
                if inserted == 1 {
                    let id = key.id.as_uuid();
                    let audited = Entries::one(key.created_at, by, Action::ApiKeysCreate, id);
                    audited.write_now(client).await?;
                }
                Ok(inserted == 1)
            });
            inserting.await
        };
        Ok(self.database.lock_patiently(insert).await?)
    }

    #[tracing::instrument(level = "debug", name = "db.api_keys.find_by_secret", skip_all)]
    async fn find_by_secret(
        &self,
        secret: &TokenHash,
    ) -> Result<Option<OwnedApiKey>, StorageError> {
        let client = self.database.client().await?;
        let rows = client
            .query_within(PATIENCE, FIND_BY_SECRET, &[&secret.as_bytes()])
            .await?;
        let owned = |row: &Row| {
            Ok(OwnedApiKey {
                key: key(row)?,
                principal: principal(row)?,
                is_disabled: column(row, "is_disabled")?,
            })
        };
        rows.first().map(owned).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.api_keys.find", skip_all)]
    async fn find(&self, of: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>, StorageError> {
        let client = self.database.client().await?;
        let row = client
            .query_opt(FIND, &[&of.as_uuid(), &id.as_uuid()])
            .await?;
        row.as_ref().map(key).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.api_keys.page", skip_all)]
    async fn page(&self, of: AccountId, page: &PageRequest) -> Result<Page<ApiKey>, StorageError> {
        let mut conditions = Conditions::default();
        conditions.when("account_id = ?", Some(of.as_uuid()));
        let table = (COLUMNS, "api_keys");
        page_of_table(&self.database, table, &LISTED, conditions, page, key).await
    }

    #[tracing::instrument(level = "debug", name = "db.api_keys.remove", skip_all)]
    async fn remove(
        &self,
        by: &Actor,
        id: ApiKeyId,
        now: OffsetDateTime,
    ) -> Result<bool, StorageError> {
        let (of, id) = (by.account_id.as_uuid(), id.as_uuid());
        let remove = async |client: Connection| {
            let removing = client.in_transaction(async |client| {
                let removed = statements::execute(client, REMOVE, &[&of, &id]).await?;
                if removed == 1 {
                    let audited = Entries::one(now, by, Action::ApiKeysRemove, id);
                    audited.write_now(client).await?;
                }
                Ok(removed == 1)
            });
            removing.await
        };
        Ok(self.database.lock_patiently(remove).await?)
    }

    #[tracing::instrument(level = "debug", name = "db.api_keys.record_uses", skip_all)]
    async fn record_uses(&self, uses: &[(ApiKeyId, OffsetDateTime)]) -> Result<(), StorageError> {
        let ids: Vec<_> = uses.iter().map(|(id, _)| id.as_uuid()).collect();
        let hours: Vec<_> = uses.iter().map(|(_, hour)| *hour).collect();
        let record = async |client: Connection| client.execute(RECORD_USES, &[&ids, &hours]).await;
        self.database.lock_patiently(record).await?;
        Ok(())
    }
}

/// The keys of an account.
pub(super) async fn of_account(
    client: &Connection,
    id: AccountId,
) -> Result<Vec<ApiKey>, StorageError> {
    let rows = client.query(OF_ACCOUNT, &[&id.as_uuid()]).await?;
    rows.iter().map(key).collect()
}

fn key(row: &Row) -> Result<ApiKey, StorageError> {
    let scopes: Vec<&str> = column(row, "scopes")?;
    let scopes = scopes.into_iter().map(str::parse);
    let scopes: Vec<_> = scopes
        .collect::<Result<_, _>>()
        .map_err(StorageError::corrupt)?;
    Ok(ApiKey {
        id: ApiKeyId::new(column::<Uuid>(row, "id")?),
        account_id: AccountId::new(column(row, "account_id")?),
        name: Name::parse(column(row, "name")?).map_err(StorageError::corrupt)?,
        scopes: Permissions::of(&scopes),
        created_at: column(row, "created_at")?,
        expires_at: column(row, "expires_at")?,
        used_at: column(row, "used_at")?,
        secret: hash(column(row, "secret")?)?,
    })
}
