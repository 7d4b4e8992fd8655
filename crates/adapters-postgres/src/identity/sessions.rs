//! Sessions: the table `sessions`. A trigger tells the replicas of those that end.

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    identity::{
        Account, AccountId, Actor, Device, OpenedSession, Rotation, Session, SessionChange,
        SessionId, SessionRepository, TokenHash,
    },
    unit_of_work::Opened,
    values::{Page, PageRequest, UserAgent},
};
use time::OffsetDateTime;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use super::principal;
use crate::{
    audit::{Act, Entries},
    connection::Connection,
    database::Database,
    error::{TransactionError, column},
    list::{Conditions, Keyset, page_of_table},
    statements::{self, Statement, Value},
    transaction::{Transaction, WritePlan, in_time},
};

/// If the account is still what it was when its password was checked; it stays so until the session is
/// there, and whoever changes it then ends the session.
pub(super) const INSERT: &str = "
    insert into sessions (id, account_id, created_at, used_at, expires_at, address, user_agent,
                          token, family)
    select $1, users.id, $3, $4, $5, $6, $7, $8, $9
    from users
    where users.id = $2
      and version = $10
      and disabled_at is null
    for share";

const FIND: &str = "
    select id, account_id, created_at, used_at, expires_at, address, user_agent, token, family,
           replaced, salt
    from sessions
    where id = $1";

const LOCK: &str = "
    select sessions.id, account_id, sessions.created_at, used_at, expires_at, address, user_agent,
           token, family, replaced, salt, role, customer_id
    from sessions
    join users on users.id = any(array[account_id])
    where sessions.id = $1
    for update of sessions";

const ROTATE: &str = "
    update sessions
    set used_at = $2, expires_at = $3, token = $4, replaced = $5, salt = $6
    where id = $1";

const END: &str = "
    delete from sessions
    where id = $1";

const END_OWN: &str = "
    delete from sessions
    where id = $2
      and account_id = $1
    returning id";

const END_EVERY_OWN: &str = "
    delete from sessions
    where account_id = $1
    returning id";

pub(super) const END_ALL: &str = "
    delete from sessions
    where account_id = $1";

const OF_ACCOUNT: &str = "
    select id, account_id, created_at, used_at, expires_at, address, user_agent, token, family,
           replaced, salt
    from sessions
    where account_id = $1
    order by created_at, id";

const REMOVE_EXPIRED: &str = "
    delete from sessions
    where ctid = any(array(
        select ctid
        from sessions
        where expires_at <= $1
        order by expires_at
        limit $2
        for update skip locked
    ))";

const REMOVE_EXPIRED_RESETS: &str = "
    delete from password_resets
    where expires_at <= $1";

const FORGET_REVOCATIONS: &str = "
    delete from revocations
    where ctid = any(array(
        select ctid
        from revocations
        where revoked_at < $1
        order by revoked_at
        limit $2
    ))";

/// What is read of a row.
const COLUMNS: &str = "id, account_id, created_at, used_at, expires_at, address, user_agent, token, family, \
    replaced, salt";

/// The latest first.
const LISTED: Keyset = Keyset {
    key: ("created_at", "timestamptz"),
    id: "id",
    is_descending: true,
};

/// Sessions in PostgreSQL.
#[derive(Clone)]
pub struct PgSessions {
    pub(super) database: Database,
}

impl PgSessions {
    /// Stores sessions in this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }
}

#[async_trait]
impl SessionRepository for PgSessions {
    #[tracing::instrument(level = "debug", name = "db.sessions.insert", skip_all)]
    async fn insert(
        &self,
        session: &Session,
        of: &Account,
        by: &Actor,
    ) -> Result<bool, StorageError> {
        let (version, at) = (of.version.number(), session.created_at);
        let inserted = async |client: Connection| {
            let statement = in_time(client.patience(), client.prepare(INSERT)).await?;
            let inserting = client.in_transaction(async |client| {
                let inserted = insert(client, &statement, session, version).await?;
                if inserted == 1 {
                    let id = session.id.as_uuid();
                    let audited = Entries::one(at, by, Action::SessionsBegin, id);
                    audited.write_now(client).await?;
                }
                Ok(inserted == 1)
            });
            inserting.await
        };
        Ok(self.database.lock_patiently(inserted).await?)
    }

    #[tracing::instrument(level = "debug", name = "db.sessions.find", skip_all)]
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StorageError> {
        let client = self.database.client().await?;
        let row = client.query_opt(FIND, &[&id.as_uuid()]).await?;
        row.as_ref().map(session).transpose()
    }

    #[tracing::instrument(level = "debug", name = "db.sessions.open", skip_all)]
    async fn open(
        &self,
        id: SessionId,
    ) -> Result<Option<Opened<OpenedSession, SessionChange>>, StorageError> {
        let id = id.as_uuid();
        let lock = async |client| Transaction::lock(client, LOCK, &[&id]).await;
        let (transaction, row) = self.database.lock_patiently(lock).await?;
        let Some(row) = row else {
            transaction.abandon().await?;
            return Ok(None);
        };
        Ok(Some(Opened {
            state: OpenedSession {
                session: session(&row)?,
                principal: principal(&row)?,
            },
            unit: Box::new(transaction),
        }))
    }

    #[tracing::instrument(level = "debug", name = "db.sessions.page", skip_all)]
    async fn page(
        &self,
        of: AccountId,
        now: OffsetDateTime,
        page: &PageRequest,
    ) -> Result<Page<Session>, StorageError> {
        let mut conditions = Conditions::default();
        conditions.when("account_id = ?", Some(of.as_uuid()));
        conditions.when("expires_at > ?", Some(now));
        let table = (COLUMNS, "sessions");
        page_of_table(&self.database, table, &LISTED, conditions, page, session).await
    }

    #[tracing::instrument(level = "debug", name = "db.sessions.end", skip_all)]
    async fn end(
        &self,
        by: &Actor,
        id: Option<SessionId>,
        now: OffsetDateTime,
    ) -> Result<u64, StorageError> {
        let (of, id) = (by.account_id.as_uuid(), id.map(SessionId::as_uuid));
        let end = async |client: Connection| {
            let ending = client.in_transaction(async |client| {
                let ended = match &id {
                    Some(id) => statements::query(client, END_OWN, &[&of, id]).await?,
                    None => statements::query(client, END_EVERY_OWN, &[&of]).await?,
                };
                let ids = ended.iter().map(|row| row.try_get::<_, Uuid>("id"));
                let acts = ids.map(|id| {
                    Ok::<_, Error>(Act {
                        by,
                        action: Action::SessionsEnd,
                        thing_id: id?,
                    })
                });
                let acts = acts.collect::<Result<Vec<_>, _>>()?;
                Entries::of(now, acts).write_now(client).await?;
                Ok(ended.len())
            });
            ending.await
        };
        let ended = self.database.lock_patiently(end).await?;
        u64::try_from(ended).map_err(StorageError::corrupt)
    }

    #[tracing::instrument(level = "debug", name = "db.sessions.remove_expired", skip_all)]
    async fn remove_expired(
        &self,
        now: OffsetDateTime,
        forgotten: OffsetDateTime,
        limit: u32,
    ) -> Result<u64, StorageError> {
        let client = self.database.client().await?;
        let limit = i64::from(limit);
        let remove = async {
            let sessions = client.execute(REMOVE_EXPIRED, &[&now, &limit]).await?;
            client.execute(REMOVE_EXPIRED_RESETS, &[&now]).await?;
            let revocations = client
                .execute(FORGET_REVOCATIONS, &[&forgotten, &limit])
                .await?;
            Ok::<_, TransactionError>(sessions.max(revocations))
        };
        Ok(remove.await?)
    }
}

impl WritePlan for SessionChange {
    type Statements = Statement;

    async fn prepare(&self, client: &Connection) -> Result<Statement, Error> {
        let statement = match self {
            Self::Rotated(_) => ROTATE,
            Self::Ended(_) => END,
        };
        client.prepare(statement).await
    }

    #[tracing::instrument(level = "debug", name = "db.sessions.write", skip_all)]
    async fn write(&self, client: &Client, statement: &Statement) -> Result<(), Error> {
        match self {
            Self::Rotated(session) => {
                let rotation = session.rotation.as_ref();
                let replaced = rotation.map(|rotation| rotation.replaced.as_bytes());
                let salt = rotation.map(|rotation| &rotation.salt[..]);
                let params: [&dyn Value; 6] = [
                    &session.id.as_uuid(),
                    &session.used_at,
                    &session.expires_at,
                    &session.token.as_bytes(),
                    &replaced,
                    &salt,
                ];
                statement.execute(client, &params).await?;
            }
            Self::Ended(id) => {
                statement.execute(client, &[&id.as_uuid()]).await?;
            }
        }
        Ok(())
    }
}

/// Inserts a session of an account that has this version; returns how many were inserted.
pub(super) async fn insert(
    client: &Client,
    statement: &Statement,
    session: &Session,
    version: i64,
) -> Result<u64, Error> {
    let user_agent = session.device.user_agent.as_ref().map(UserAgent::as_str);
    let params: [&dyn Value; 10] = [
        &session.id.as_uuid(),
        &session.account_id.as_uuid(),
        &session.created_at,
        &session.used_at,
        &session.expires_at,
        &session.device.address.to_string(),
        &user_agent,
        &session.token.as_bytes(),
        &session.family.as_bytes(),
        &version,
    ];
    statement.execute(client, &params).await
}

/// The sessions of an account.
pub(super) async fn of_account(
    client: &Connection,
    id: AccountId,
) -> Result<Vec<Session>, StorageError> {
    let rows = client.query(OF_ACCOUNT, &[&id.as_uuid()]).await?;
    rows.iter().map(session).collect()
}

fn session(row: &Row) -> Result<Session, StorageError> {
    let address = column::<&str>(row, "address")?.parse();
    let user_agent: Option<&str> = column(row, "user_agent")?;
    Ok(Session {
        id: SessionId::new(column::<Uuid>(row, "id")?),
        account_id: AccountId::new(column(row, "account_id")?),
        created_at: column(row, "created_at")?,
        used_at: column(row, "used_at")?,
        expires_at: column(row, "expires_at")?,
        device: Device {
            address: address.map_err(StorageError::corrupt)?,
            user_agent: user_agent.and_then(UserAgent::cut),
        },
        family: hash(column(row, "family")?)?,
        token: hash(column(row, "token")?)?,
        rotation: rotation(row)?,
    })
}

fn rotation(row: &Row) -> Result<Option<Rotation>, StorageError> {
    let replaced: Option<&[u8]> = column(row, "replaced")?;
    let salt: Option<&[u8]> = column(row, "salt")?;
    let Some((replaced, salt)) = replaced.zip(salt) else {
        return Ok(None);
    };
    Ok(Some(Rotation {
        replaced: hash(replaced)?,
        salt: salt.try_into().map_err(StorageError::corrupt)?,
    }))
}

pub(super) fn hash(bytes: &[u8]) -> Result<TokenHash, StorageError> {
    let bytes = bytes.try_into().map_err(StorageError::corrupt)?;
    Ok(TokenHash::from_bytes(bytes))
}
