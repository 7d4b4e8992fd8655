//! Placing orders: locks and reads in one round trip, writes and commits in another, however
//! many orders there are.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    catalog::ProductId,
    customers::CustomerId,
    idempotency::{Fingerprint, IdempotencyKey, ScopedKey},
    identity::AccountId,
    orders::{
        LockWait, PlacementStore,
        placement::{Keyed, Offer, Plan, Scope, State},
    },
    unit_of_work::Opened,
};
use futures_util::future::{try_join, try_join4};
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use super::{
    PgOrders,
    columns::{INSERT_KEYS, INSERT_ORDERS, KeyColumns, OrderColumns},
    is_same_order, order,
};
use crate::{
    audit::{Act, Entries},
    catalog::price,
    connection::Connection,
    error::{column, is_lock_not_available, is_stale_statement},
    statements::{Statement, Value},
    stock,
    transaction::{Transaction, WritePlan, behind, in_time},
};

/// Locks in id order, as all transactions do, so that they cannot deadlock.
const LOCK_STOCK: &str = "
    select product_id, quantidade_disponivel
    from stock
    where product_id = any($1)
    order by product_id
    for update";

/// Locks the rows that no other transaction has locked, and waits for none.
const LOCK_FREE_STOCK: &str = "
    select product_id, quantidade_disponivel
    from stock
    where product_id = any($1)
    order by product_id
    for update skip locked";

/// Waits in line for one product. This transaction holds no lock yet, so no other can wait for it
/// in turn.
const LOCK_IN_LINE: &str = "
    select product_id
    from stock
    where product_id = $1
    for update";

/// How long that takes at most; then the next transaction in line gets the lock.
const LOCK_TIMEOUT_IN_LINE: &str = "set local lock_timeout = '250ms'";

/// The current stock of products, whether it is locked or not.
const READ_STOCK: &str = "
    select product_id, quantidade_disponivel
    from stock
    where product_id = any($1)";

/// The products, customers and accounts of a batch that exist, with the products' prices, and
/// whether they are still sold and still there. That is read and not asked for: a plan that was made
/// when the table was empty could take the index of all that are there for the one to look in. Runs
/// after the locks were granted, and so sees what was committed until then.
const READ_NAMED: &str = "
    select id as product_id, preco, null::uuid as customer_id, null::uuid as account_id,
           retired_at is null as is_there
    from products
    where id = any($1)
    union all
    select null, null, id, null, erased_at is null
    from customers
    where id = any($2)
    union all
    select null, null, null, id, true
    from users
    where id = any($3)";

/// Earlier placements under these keys: one row per item.
const READ_KEYED: &str = "
    select asked.account_id, asked.key, keys.fingerprint,
           orders.id, customer_id, data_order, status, version,
           itens_order.id as item_id, product_id, quantidade, preco_unitario
    from unnest($1::uuid[], $2::text[]) as asked (account_id, key)
    join idempotency_keys as keys
      on keys.account_id = any(array[asked.account_id])
     and keys.key = any(array[asked.key])
    join orders on orders.id = any(array[keys.order_id])
    join itens_order on itens_order.order_id = any(array[orders.id])
    order by asked.account_id, asked.key, itens_order.id";

/// Takes units from stock, and records them in the sales log.
const TAKE_STOCK: &str = "
    with told as (
        insert into sales_log (day, product_ids, quantidades)
        values ($3, $1, $2)
    )
    update stock
    set quantidade_disponivel = stock.quantidade_disponivel - taken.quantidade
    from unnest($1::uuid[], $2::bigint[]) as taken (product_id, quantidade)
    where stock.product_id = any(array[taken.product_id])";

#[async_trait]
impl PlacementStore for PgOrders {
    #[tracing::instrument(level = "debug", name = "db.placements.open", skip_all)]
    async fn open(
        &self,
        scope: &Scope,
        wait: LockWait,
    ) -> Result<Opened<State, Plan>, StorageError> {
        let transaction = Transaction::on(self.database.desk_client().await?);
        let patience = transaction.client().patience();
        let rows = in_time(patience, open(transaction.client(), scope, wait)).await?;
        let state = state(&rows)?;
        Ok(Opened {
            state,
            unit: Box::new(transaction),
        })
    }

    #[tracing::instrument(level = "debug", name = "db.placements.peek", skip_all)]
    async fn peek(&self, scope: &Scope) -> Result<State, StorageError> {
        let client = self.database.client().await?;
        let ids = Ids::of(scope);
        let products: [&dyn Value; 1] = [&ids.products];
        state(&Rows {
            stock: client.query(READ_STOCK, &products).await?,
            named: client.query(READ_NAMED, &ids.named()).await?,
            keyed: Vec::new(),
        })
    }
}

/// Begins, locks and reads. A second attempt leaves out products that another transaction keeps
/// locked; a statement that became outdated by a change of its table is prepared again.
async fn open(client: &Connection, scope: &Scope, wait: LockWait) -> Result<Rows, Error> {
    let mut lock = match wait {
        LockWait::Briefly => Lock::All,
        LockWait::InLineFor(product) => Lock::InLineFor(product),
    };
    let mut is_prepared_again = false;
    loop {
        match read(client, &lock, scope).await {
            Err(error) if is_lock_not_available(&error) && lock != Lock::Free => lock = Lock::Free,
            Err(error) if is_stale_statement(&error) && !is_prepared_again => {
                client.forget_statements();
                is_prepared_again = true;
            }
            done => return done,
        }
        client.batch_execute("rollback").await?;
    }
}

/// Which stock is locked, and which locks are waited for.
#[derive(PartialEq, Eq)]
enum Lock {
    /// All of it.
    All,
    /// What no other transaction has locked.
    Free,
    /// This product, and then what no other transaction has locked.
    InLineFor(ProductId),
}

/// The rows on which a batch is decided.
struct Rows {
    stock: Vec<Row>,
    named: Vec<Row>,
    keyed: Vec<Row>,
}

/// The contents of a scope, in the types of the driver.
struct Ids<'a> {
    products: Vec<Uuid>,
    customers: Vec<Uuid>,
    accounts: Vec<Uuid>,
    key_accounts: Vec<Uuid>,
    keys: Vec<&'a str>,
}

impl<'a> Ids<'a> {
    fn of(scope: &'a Scope) -> Self {
        let keys = scope.keys.iter();
        let (key_accounts, keys) = keys
            .map(|key| (key.account_id.as_uuid(), key.key.as_str()))
            .unzip();
        Self {
            products: scope.products.iter().map(|id| id.as_uuid()).collect(),
            customers: scope.customers.iter().map(|id| id.as_uuid()).collect(),
            accounts: scope.accounts.iter().map(|id| id.as_uuid()).collect(),
            key_accounts,
            keys,
        }
    }

    /// All but the keys.
    fn named(&self) -> [&dyn Value; 3] {
        [&self.products, &self.customers, &self.accounts]
    }
}

/// Begins, locks, and then reads; all statements are sent at once.
async fn read(client: &Connection, lock: &Lock, scope: &Scope) -> Result<Rows, Error> {
    let ids = Ids::of(scope);
    let lock_stock = match lock {
        Lock::All => client.prepare(LOCK_STOCK).await?,
        Lock::Free | Lock::InLineFor(_) => client.prepare(LOCK_FREE_STOCK).await?,
    };
    let read_named = client.prepare(READ_NAMED).await?;
    let in_line = match lock {
        Lock::InLineFor(product) => {
            let statement = client.prepare(LOCK_IN_LINE).await?;
            Some((statement, product.as_uuid()))
        }
        Lock::All | Lock::Free => None,
    };
    let read_keyed = match &ids.keys[..] {
        [] => None,
        [..] => Some(client.prepare(READ_KEYED).await?),
    };
    let wait_in_line = async {
        let Some((lock, product)) = &in_line else {
            return Ok(());
        };
        let waited = client.batch_execute(LOCK_TIMEOUT_IN_LINE);
        try_join(waited, behind(lock.execute(client, &[product]))).await?;
        Ok(())
    };
    let keyed = async {
        match &read_keyed {
            Some(read) => read.query(client, &[&ids.key_accounts, &ids.keys]).await,
            None => Ok(Vec::new()),
        }
    };
    let products: [&dyn Value; 1] = [&ids.products];
    let begun = try_join(client.begin(), behind(wait_in_line));
    let named = ids.named();
    let (_, stock, named, keyed) = try_join4(
        begun,
        behind(lock_stock.query(client, &products)),
        behind(read_named.query(client, &named)),
        behind(keyed),
    )
    .await?;
    Ok(Rows {
        stock,
        named,
        keyed,
    })
}

/// The statements that write a plan, prepared once per connection.
pub(crate) struct Writes {
    take_stock: Statement,
    insert_orders: Statement,
    /// For plans in which there are keys.
    insert_keys: Option<Statement>,
    /// For plans in which there are orders of the shop's people or of API keys.
    audit: Option<Statement>,
}

/// The orders of one plan are placed at one moment.
fn audited(plan: &Plan) -> Option<Entries<'_>> {
    let at = plan.accepted().next()?.placed_at;
    let acts = plan.placed().map(|(order, by)| Act {
        by,
        action: Action::OrdersPlace,
        thing_id: order.id.as_uuid(),
    });
    Some(Entries::of(at, acts))
}

impl WritePlan for Plan {
    type Statements = Writes;

    async fn prepare(&self, client: &Connection) -> Result<Writes, Error> {
        let insert_keys = match self.keys() {
            [] => None,
            [..] => Some(client.prepare(INSERT_KEYS).await?),
        };
        Ok(Writes {
            take_stock: client.prepare(TAKE_STOCK).await?,
            insert_orders: client.prepare(INSERT_ORDERS).await?,
            insert_keys,
            audit: match audited(self) {
                Some(audited) => audited.prepare(client).await?,
                None => None,
            },
        })
    }

    #[tracing::instrument(level = "debug", name = "db.placements.write", skip_all)]
    async fn write(&self, client: &Client, statements: &Writes) -> Result<(), Error> {
        let (products, units): (Vec<_>, Vec<_>) = self
            .taken()
            .into_iter()
            .map(|(product, units)| (product.as_uuid(), units))
            .unzip();
        // The orders of one plan are placed at one moment.
        let day = self.accepted().next().map(|order| order.placed_at.date());
        let orders = OrderColumns::of(self.placed());
        let taken: [&dyn Value; 3] = [&products, &units, &day];
        let orders = orders.params();
        let keys = async {
            let Some(insert) = &statements.insert_keys else {
                return Ok(0);
            };
            let columns = KeyColumns::of(self.keys());
            insert.execute(client, &columns.params()).await
        };
        let audit = async {
            match audited(self) {
                Some(audited) => audited.write(client, statements.audit.as_ref()).await,
                None => Ok(()),
            }
        };
        try_join4(
            statements.take_stock.execute(client, &taken),
            behind(statements.insert_orders.execute(client, &orders)),
            behind(keys),
            behind(audit),
        )
        .await?;
        Ok(())
    }
}

/// The state from the rows: what is missing does not exist. A product with a price whose stock was
/// not locked is held by another transaction.
fn state(rows: &Rows) -> Result<State, StorageError> {
    let mut state = State::default();
    let mut stock = HashMap::with_capacity(rows.stock.len());
    for row in &rows.stock {
        stock.insert(column::<Uuid>(row, "product_id")?, stock::level(row)?);
    }
    for row in &rows.named {
        if !column(row, "is_there")? {
            continue;
        }
        if let Some(id) = column(row, "customer_id")? {
            state.customers.insert(CustomerId::new(id));
        } else if let Some(id) = column(row, "account_id")? {
            state.accounts.insert(AccountId::new(id));
        } else {
            let id = column(row, "product_id")?;
            let product_id = ProductId::new(id);
            if let Some(&available) = stock.get(&id) {
                let price = price(row, "preco")?;
                let offer = Offer { price, available };
                state.offers.insert(product_id, offer);
            } else {
                state.held.insert(product_id);
            }
        }
    }
    for items in rows.keyed.chunk_by(is_same_order) {
        if let Some(first) = items.first() {
            let (key, keyed) = keyed(first, items)?;
            state.keyed.insert(key, keyed);
        }
    }
    Ok(state)
}

fn keyed(row: &Row, items: &[Row]) -> Result<(ScopedKey, Keyed), StorageError> {
    let key = ScopedKey {
        account_id: AccountId::new(column(row, "account_id")?),
        key: IdempotencyKey::parse(column(row, "key")?).map_err(StorageError::corrupt)?,
    };
    let fingerprint = column(row, "fingerprint")?;
    let keyed = Keyed {
        fingerprint: Fingerprint::from_stored(fingerprint).map_err(StorageError::corrupt)?,
        order: order(row, items)?,
    };
    Ok((key, keyed))
}
