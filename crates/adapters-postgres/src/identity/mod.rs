//! Accounts: the table `users`.

mod api_keys;
mod changes;
mod revocations;
mod sessions;

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    customers::{AccountRecord, CustomerId},
    idempotency::IdempotencyKey,
    identity::{
        Account, AccountId, AccountRepository, AccountsFilter, Actor, InsertAccountError,
        PasswordHash, Principal, Role,
    },
    values::{Email, Page, PageRequest, Version},
};
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

pub use self::{api_keys::PgApiKeys, sessions::PgSessions};
use crate::{
    audit::Entries,
    connection::Connection,
    database::Database,
    error::{TransactionError, USERS_EMAIL_KEY, column, violates},
    list::{Conditions, Keyset, page_of_table},
    statements::{self, Value},
};

const FIND_BY_EMAIL: &str = "
    select id, email, password_hash, role, customer_id, created_at, disabled_at, version
    from users
    where lower(email) = lower($1)";

const FIND: &str = "
    select id, email, password_hash, role, customer_id, created_at, disabled_at, version
    from users
    where id = $1";

const OF_CUSTOMER: &str = "
    select users.id, email, users.created_at, key, idempotency_keys.created_at as sent_at
    from users
    left join idempotency_keys on idempotency_keys.account_id = users.id
    where customer_id = $1
    order by sent_at";

/// bcrypt writes the cost into the fifth and sixth character, which are indexed.
const DEAREST_HASH: &str = "
    select password_hash
    from users
    order by substr(password_hash, 5, 2) desc
    limit 1";

const REPLACE_HASH: &str = "
    update users
    set password_hash = $3
    where id = $1
      and password_hash = $2";

const INSERT: &str = "
    insert into users (id, email, password_hash, role, customer_id, created_at, version)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// What is read of a row.
const COLUMNS: &str =
    "id, email, password_hash, role, customer_id, created_at, disabled_at, version";

/// The latest first.
const LISTED: Keyset = Keyset {
    key: ("created_at", "timestamptz"),
    id: "id",
    is_descending: true,
};

/// Accounts in PostgreSQL.
#[derive(Clone)]
pub struct PgAccounts {
    database: Database,
}

impl PgAccounts {
    /// Stores accounts in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }
}

#[async_trait]
impl AccountRepository for PgAccounts {
    #[tracing::instrument(level = "debug", name = "db.users.find_by_email", skip_all)]
    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StorageError> {
        let client = self.database.client().await?;
        let row = client.query_opt(FIND_BY_EMAIL, &[&email.as_str()]).await?;
        row.as_ref().map(account).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.users.dearest_hash", skip_all)]
    async fn dearest_hash(&self) -> Result<Option<PasswordHash>, StorageError> {
        let client = self.database.client().await?;
        let row = client.query_opt(DEAREST_HASH, &[]).await?;
        let hash = |row: &Row| Ok(PasswordHash::new(column(row, "password_hash")?));
        row.as_ref().map(hash).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.users.replace_hash", skip_all)]
    async fn replace_hash(
        &self,
        id: AccountId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<(), StorageError> {
        let replace = |client: Connection| async move {
            let hashes = (from.expose(), to.expose());
            let params: [&dyn Value; 3] = [&id.as_uuid(), &hashes.0, &hashes.1];
            client.execute(REPLACE_HASH, &params).await
        };
        self.database.lock_patiently(replace).await?;
        Ok(())
    }

    #[tracing::instrument(level = "debug", name = "db.users.insert", skip_all)]
    async fn insert(&self, account: &Account, by: &Actor) -> Result<(), InsertAccountError> {
        let inserted = async |client: Connection| {
            let inserting = client.in_transaction(async |client| {
                insert(client, account).await?;
                let (id, at) = (account.id.as_uuid(), account.created_at);
                let audited = Entries::one(at, by, Action::UsersCreate, id);
                audited.write_now(client).await
            });
            inserting.await
        };
        let inserted = self.database.lock_patiently(inserted);
        inserted.await.map_err(|error| match error {
            TransactionError::Failed(error) if violates(&error, USERS_EMAIL_KEY) => {
                InsertAccountError::EmailTaken
            }
            error => StorageError::from(error).into(),
        })
    }

    #[tracing::instrument(level = "debug", name = "db.users.page", skip_all)]
    async fn page(
        &self,
        filter: &AccountsFilter,
        page: &PageRequest,
    ) -> Result<Page<Account>, StorageError> {
        let read = async |database| {
            let mut conditions = Conditions::default();
            let email = filter.email.as_ref().map(|email| email.as_str().to_owned());
            conditions.when("lower(email) = lower(?)", email);
            conditions.when("role = ?", filter.role.map(Role::as_str));
            let table = (COLUMNS, "users");
            page_of_table(&database, table, &LISTED, conditions, page, account).await
        };
        self.database.recent_list(page.freshness, read).await
    }

    #[tracing::instrument(level = "debug", name = "db.users.find", skip_all)]
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StorageError> {
        let client = self.database.client().await?;
        let row = client.query_opt(FIND, &[&id.as_uuid()]).await?;
        row.as_ref().map(account).transpose()
    }
}

/// The account of a customer, and the keys of its requests.
pub(crate) async fn of_customer(
    database: &Database,
    customer_id: CustomerId,
) -> Result<Option<AccountRecord>, StorageError> {
    let client = database.client().await?;
    let rows = client.query(OF_CUSTOMER, &[&customer_id.as_uuid()]).await?;
    let mut keys = Vec::new();
    for row in &rows {
        if let Some(key) = column::<Option<&str>>(row, "key")? {
            let key = IdempotencyKey::parse(key).map_err(StorageError::corrupt)?;
            keys.push((key, column(row, "sent_at")?));
        }
    }
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let id = AccountId::new(column(row, "id")?);
    Ok(Some(AccountRecord {
        id,
        email: Email::parse(column(row, "email")?).map_err(StorageError::corrupt)?,
        created_at: column(row, "created_at")?,
        keys,
        sessions: sessions::of_account(&client, id).await?,
        api_keys: api_keys::of_account(&client, id).await?,
    }))
}

/// Writes an account, alone or within a transaction.
pub(crate) async fn insert(client: &Client, account: &Account) -> Result<(), Error> {
    let values: [&dyn Value; 7] = [
        &account.id.as_uuid(),
        &account.email.as_str(),
        &account.password_hash.expose(),
        &account.principal.role().as_str(),
        &account.principal.customer_id().map(CustomerId::as_uuid),
        &account.created_at,
        &account.version.number(),
    ];
    statements::execute(client, INSERT, &values).await?;
    Ok(())
}

fn account(row: &Row) -> Result<Account, StorageError> {
    Ok(Account {
        id: AccountId::new(column(row, "id")?),
        email: Email::parse(column(row, "email")?).map_err(StorageError::corrupt)?,
        password_hash: PasswordHash::new(column(row, "password_hash")?),
        principal: principal(row)?,
        created_at: column(row, "created_at")?,
        disabled_at: column(row, "disabled_at")?,
        version: Version::parse(column(row, "version")?).map_err(StorageError::corrupt)?,
    })
}

fn principal(row: &Row) -> Result<Principal, StorageError> {
    let role = column::<&str>(row, "role")?.parse();
    let customer_id: Option<Uuid> = column(row, "customer_id")?;
    Principal::from_parts(
        role.map_err(StorageError::corrupt)?,
        customer_id.map(CustomerId::new),
    )
    .ok_or_else(|| StorageError::corrupt("the role and the customer contradict"))
}
