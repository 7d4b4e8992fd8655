//! Changes of accounts: locked in one round trip, written and committed in another.

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    customers::CustomerId,
    identity::{Account, AccountChange, AccountChanges, AccountId, AmongAdmins, TokenHash},
    unit_of_work::Opened,
};
use futures_util::future::try_join;
use time::OffsetDateTime;
use tokio_postgres::{Client, Error, Row};

use super::{PgAccounts, account, sessions};
use crate::{
    audit::Entries,
    connection::Connection,
    error::TransactionError,
    statements::{Statement, Value},
    transaction::{Transaction, WritePlan, behind, execute_all, in_time, prepare_all},
};

const LOCK: &str = "
    select id, email, password_hash, role, customer_id, created_at, disabled_at, version
    from users
    where id = $1
    for no key update";

/// In the sequence of their ids, so that two who change administrators wait for each other. Of an
/// account that was locked until now, what is asked of it is asked again.
const LOCK_AMONG_ADMINS: &str = "
    select id, email, password_hash, role, customer_id, created_at, disabled_at, version
    from users
    where id = any(array(
            select $1
            union all
            select id
            from users
            where role = 'admin' and disabled_at is null
        ))
      and (id = $1 or (role = 'admin' and disabled_at is null))
    order by id
    for no key update";

/// The account first, as whoever makes and ends tokens locks it; then the token is looked at.
const LOCK_WITH_RESET: &str = "
    select id, email, password_hash, role, customer_id, created_at, disabled_at, version
    from users
    where id = any(array(
        select account_id
        from password_resets
        where token = $1
    ))
    for no key update";

const FIND_RESET: &str = "
    select 1
    from password_resets
    where token = $1
      and expires_at > $2";

const UPDATE: &str = "
    update users
    set password_hash = $2, role = $3, customer_id = $4, disabled_at = $5, version = $6
    where id = $1";

const END_RESET: &str = "
    delete from password_resets
    where account_id = $1";

const OFFER_RESET: &str = "
    insert into password_resets (account_id, token, expires_at)
    values ($1, $2, $3)
    on conflict (account_id) do update
    set token = excluded.token, expires_at = excluded.expires_at";

#[async_trait]
impl AccountChanges for PgAccounts {
    #[tracing::instrument(level = "debug", name = "db.users.open", skip_all)]
    async fn open(
        &self,
        id: AccountId,
    ) -> Result<Option<Opened<Account, AccountChange>>, StorageError> {
        let id = id.as_uuid();
        let lock = async |client| Transaction::lock(client, LOCK, &[&id]).await;
        opened(self.database.lock_patiently(lock).await?).await
    }

    #[tracing::instrument(level = "debug", name = "db.users.open_among_admins", skip_all)]
    async fn open_among_admins(
        &self,
        id: AccountId,
    ) -> Result<Option<Opened<AmongAdmins, AccountChange>>, StorageError> {
        let params: [&dyn Value; 1] = [&id.as_uuid()];
        let lock = async |client| Transaction::lock_all(client, LOCK_AMONG_ADMINS, &params).await;
        let (transaction, rows) = self.database.lock_patiently(lock).await?;
        let accounts = rows.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let (mut wanted, admins): (Vec<_>, Vec<_>) =
            accounts.into_iter().partition(|account| account.id == id);
        let Some(account) = wanted.pop() else {
            transaction.abandon().await?;
            return Ok(None);
        };
        Ok(Some(Opened {
            state: AmongAdmins {
                account,
                other_admins: admins.len(),
            },
            unit: Box::new(transaction),
        }))
    }

    #[tracing::instrument(level = "debug", name = "db.users.open_with_reset", skip_all)]
    async fn open_with_reset(
        &self,
        token: &TokenHash,
        now: OffsetDateTime,
    ) -> Result<Option<Opened<Account, AccountChange>>, StorageError> {
        let token = token.as_bytes();
        let open = async |client: Connection| {
            let patience = client.patience();
            let opened = async {
                let (transaction, row) =
                    Transaction::lock(client, LOCK_WITH_RESET, &[&token]).await?;
                let client = transaction.client();
                let find = client.prepare(FIND_RESET).await?;
                let is_there = find.query_opt(client, &[&token, &now]).await?.is_some();
                Ok::<_, TransactionError>((transaction, row.filter(|_| is_there)))
            };
            in_time(patience, opened).await
        };
        opened(self.database.lock_patiently(open).await?).await
    }

    #[tracing::instrument(level = "debug", name = "db.users.may_reset", skip_all)]
    async fn may_reset(
        &self,
        token: &TokenHash,
        now: OffsetDateTime,
    ) -> Result<bool, StorageError> {
        let client = self.database.client().await?;
        let row = client
            .query_opt(FIND_RESET, &[&token.as_bytes(), &now])
            .await?;
        Ok(row.is_some())
    }
}

/// The account of a row that was locked, if there is one.
async fn opened(
    (transaction, row): (Transaction, Option<Row>),
) -> Result<Option<Opened<Account, AccountChange>>, StorageError> {
    let Some(row) = row else {
        transaction.abandon().await?;
        return Ok(None);
    };
    Ok(Some(Opened {
        state: account(&row)?,
        unit: Box::new(transaction),
    }))
}

/// The statements that write a change, prepared once per connection.
pub(crate) struct Writes {
    change: Vec<Statement>,
    audit: Option<Statement>,
}

fn audited(change: &AccountChange) -> Entries<'_> {
    let (id, action, by, at) = match change {
        AccountChange::Password {
            account, by, at, ..
        } => (account.id, Action::UsersSetPassword, by, at),
        AccountChange::Standing { account, by, at } => (account.id, Action::UsersEdit, by, at),
        AccountChange::ResetOffered { reset, by, at } => {
            (reset.account_id, Action::UsersOfferReset, by, at)
        }
    };
    Entries::one(*at, by, action, id.as_uuid())
}

impl WritePlan for AccountChange {
    type Statements = Writes;

    async fn prepare(&self, client: &Connection) -> Result<Writes, Error> {
        let statements: &[&str] = match self {
            Self::Password { .. } => &[UPDATE, sessions::END_ALL, END_RESET, sessions::INSERT],
            Self::Standing { .. } => &[UPDATE, sessions::END_ALL, END_RESET],
            Self::ResetOffered { .. } => &[OFFER_RESET],
        };
        Ok(Writes {
            change: prepare_all(client, statements).await?,
            audit: audited(self).prepare(client).await?,
        })
    }

    #[tracing::instrument(level = "debug", name = "db.users.write", skip_all)]
    async fn write(&self, client: &Client, statements: &Writes) -> Result<(), Error> {
        let audited = audited(self);
        let audit = behind(audited.write(client, statements.audit.as_ref()));
        try_join(change(client, &statements.change, self), audit).await?;
        Ok(())
    }
}

/// Sends what changes, at once when it is first polled.
async fn change(
    client: &Client,
    statements: &[Statement],
    change: &AccountChange,
) -> Result<(), Error> {
    match change {
        AccountChange::Password {
            account, session, ..
        } => {
            let changed = update(client, statements, account);
            let (Some(session), Some(insert)) = (session, statements.last()) else {
                return changed.await;
            };
            let version = account.version.number();
            let begun = behind(sessions::insert(client, insert, session, version));
            try_join(changed, begun).await?;
            Ok(())
        }
        AccountChange::Standing { account, .. } => update(client, statements, account).await,
        AccountChange::ResetOffered { reset, .. } => {
            let params: [&dyn Value; 3] = [
                &reset.account_id.as_uuid(),
                &reset.token.as_bytes(),
                &reset.expires_at,
            ];
            execute_all(client, statements, &[&params]).await
        }
    }
}

/// Sends the update of an account, and what is to be deleted with it.
async fn update(client: &Client, statements: &[Statement], account: &Account) -> Result<(), Error> {
    let (id, hash) = (account.id.as_uuid(), account.password_hash.expose());
    let (role, version) = (account.principal.role().as_str(), account.version.number());
    let customer_id = account.principal.customer_id().map(CustomerId::as_uuid);
    let only_id: &[&dyn Value] = &[&id];
    let params: &[&dyn Value] = &[
        &id,
        &hash,
        &role,
        &customer_id,
        &account.disabled_at,
        &version,
    ];
    execute_all(client, statements, &[params, only_id, only_id]).await
}
