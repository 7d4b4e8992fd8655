//! Changes of customers: locked in one round trip, written and committed in another.

use domain::{
    StorageError,
    audit::Action,
    customers::{Customer, CustomerChange, CustomerId},
    unit_of_work::Opened,
};
use futures_util::future::try_join;
use tokio_postgres::{Client, Error};

use super::unless_erased;
use crate::{
    audit::Entries,
    connection::Connection,
    database::Database,
    statements::{Statement, Value},
    transaction::{Transaction, WritePlan, behind, execute_all, prepare_all},
};

/// Does not stand in the way of orders, which only make sure that the customer stays.
const LOCK: &str = "
    select id, nome, email, created_at, version, erased_at is null as is_there
    from customers
    where id = $1
    for no key update";

const EDIT: &str = "
    update customers
    set nome = $2, email = $3, version = $4
    where id = $1";

const EDIT_ACCOUNT: &str = "
    update users
    set email = $2, version = version + 1
    where customer_id = $1
      and email <> $2";

/// What is left keeps the rules of its columns; nobody has an address under `.invalid` (RFC 2606,
/// section 2).
const ERASE: &str = "
    update customers
    set nome = 'erased', email = id || '@erased.invalid', version = $2, erased_at = $3
    where id = $1";

const ERASE_NOTES: &str = "
    update order_history
    set note = null
    where note is not null
      and order_id = any(array(
          select id
          from orders
          where customer_id = $1
      ))";

/// Orders under new keys refer to the account, and wait until it is gone: else one could come between
/// the end of its keys and its own.
const LOCK_ACCOUNT: &str = "
    select id
    from users
    where customer_id = $1
    for update";

const ERASE_KEYS: &str = "
    delete from idempotency_keys
    where account_id = any(array(
        select id
        from users
        where customer_id = $1
    ))";

const ERASE_CREATION_KEYS: &str = "
    delete from creation_keys
    where entity_id = $1
      and kind = 'customer'";

/// From where the account's API keys were used.
const ERASE_ADDRESSES: &str = "
    update audit
    set address = null
    where account_id = any(array(
        select id
        from users
        where customer_id = $1
    ))";

const ERASE_ACCOUNT: &str = "
    delete from users
    where customer_id = $1";

pub(super) async fn open(
    database: &Database,
    id: CustomerId,
) -> Result<Option<Opened<Customer, CustomerChange>>, StorageError> {
    let id = id.as_uuid();
    let lock = async |client| Transaction::lock(client, LOCK, &[&id]).await;
    let (transaction, row) = database.lock_patiently(lock).await?;
    let customer = row.as_ref().map(unless_erased).transpose()?.flatten();
    let Some(customer) = customer else {
        transaction.abandon().await?;
        return Ok(None);
    };
    Ok(Some(Opened {
        state: customer,
        unit: Box::new(transaction),
    }))
}

/// The statements that write a change, prepared once per connection.
pub(crate) struct Writes {
    change: Vec<Statement>,
    audit: Option<Statement>,
}

fn audited(change: &CustomerChange) -> Entries<'_> {
    match change {
        CustomerChange::Edited { customer, by, at } => {
            Entries::one(*at, by, Action::CustomersEdit, customer.id.as_uuid())
        }
        CustomerChange::Erased { id, by, at, .. } => {
            Entries::one(*at, by, Action::CustomersErase, id.as_uuid())
        }
    }
}

impl WritePlan for CustomerChange {
    type Statements = Writes;

    async fn prepare(&self, client: &Connection) -> Result<Writes, Error> {
        let statements: &[&str] = match self {
            Self::Edited { .. } => &[EDIT, EDIT_ACCOUNT],
            Self::Erased { .. } => &[
                ERASE,
                ERASE_NOTES,
                LOCK_ACCOUNT,
                ERASE_KEYS,
                ERASE_CREATION_KEYS,
                ERASE_ADDRESSES,
                ERASE_ACCOUNT,
            ],
        };
        Ok(Writes {
            change: prepare_all(client, statements).await?,
            audit: audited(self).prepare(client).await?,
        })
    }

    #[tracing::instrument(level = "debug", name = "db.customers.write", skip_all)]
    async fn write(&self, client: &Client, statements: &Writes) -> Result<(), Error> {
        let audited = audited(self);
        let audit = audited.write(client, statements.audit.as_ref());
        let change = &statements.change;
        match self {
            Self::Edited { customer, .. } => {
                let (id, version) = (customer.id.as_uuid(), customer.version.number());
                let (name, email) = (customer.name.as_str(), customer.email.as_str());
                let params: [&[&dyn Value]; 2] = [&[&id, &name, &email, &version], &[&id, &email]];
                try_join(execute_all(client, change, &params), behind(audit)).await?;
            }
            Self::Erased {
                id, version, at, ..
            } => {
                let (id, version) = (id.as_uuid(), version.number());
                let only_id: &[&dyn Value] = &[&id];
                let erase: &[&dyn Value] = &[&id, &version, at];
                let params = [erase, only_id, only_id, only_id, only_id, only_id, only_id];
                try_join(execute_all(client, change, &params), behind(audit)).await?;
            }
        }
        Ok(())
    }
}
