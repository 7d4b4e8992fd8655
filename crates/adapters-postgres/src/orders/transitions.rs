//! Order transitions: locks and reads in one round trip, writes and commits in another.

use async_trait::async_trait;
use domain::{
    StorageError,
    audit::Action,
    identity::Principal,
    orders::{Order, OrderId, Transition, TransitionLocks, TransitionStore},
    unit_of_work::Opened,
    values::Note,
};
use futures_util::future::{try_join, try_join4};
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use super::{PgOrders, order};
use crate::{
    audit::Entries,
    catalog::sales,
    connection::Connection,
    error::{column, is_stale_statement},
    statements::{Statement, Value},
    transaction::{Transaction, WritePlan, behind, in_time},
};

/// An erasure locks the same row: what is noted on an order is there before it, and goes with it,
/// or comes after it.
const LOCK_CUSTOMER: &str = "
    select erased_at is null as is_there
    from customers
    where id = any(array(
        select customer_id
        from orders
        where id = $1
    ))
    for share";

const LOCK_ORDER: &str = "
    select id, customer_id, data_order, status, version
    from orders
    where id = $1
    for update";

/// Items are written once, so they need no lock.
const READ_ITEMS: &str = "
    select id as item_id, product_id, quantidade, preco_unitario
    from itens_order
    where order_id = $1
    order by id";

const SET_STATUS: &str = "
    update orders
    set status = $2, version = $3
    where id = $1";

const RECORD_HISTORY: &str = "
    insert into order_history
        (order_id, version, status, changed_at, changed_by, changed_by_role, note)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// Locks in id order, as placements do, so that they cannot deadlock.
const LOCK_STOCK: &str = "
    select product_id
    from stock
    where product_id = any(array(
        select product_id
        from itens_order
        where order_id = $1
    ))
    order by product_id
    for update";

const RETURN_STOCK: &str = "
    update stock
    set quantidade_disponivel = stock.quantidade_disponivel + returned.quantidade
    from unnest($1::uuid[], $2::bigint[]) as returned (product_id, quantidade)
    where stock.product_id = any(array[returned.product_id])";

#[async_trait]
impl TransitionStore for PgOrders {
    #[tracing::instrument(level = "debug", name = "db.transitions.open", skip_all)]
    async fn open(
        &self,
        id: OrderId,
        locks: TransitionLocks,
        by: Principal,
    ) -> Result<Option<Opened<Order, Transition>>, StorageError> {
        let open = async |client: Connection| {
            let patience = client.patience();
            in_time(patience, open(client, id.as_uuid(), locks)).await
        };
        let (transaction, rows) = self.database.lock_patiently(open).await?;
        let Locked {
            customer,
            order: order_row,
            items,
        } = rows;
        let is_there = match &customer {
            Some(customer) => column(customer, "is_there")?,
            None => false,
        };
        let may_open = is_there || by.customer_id().is_none();
        let Some(order_row) = order_row.filter(|_| may_open) else {
            transaction.abandon().await?;
            return Ok(None);
        };
        Ok(Some(Opened {
            state: order(&order_row, &items)?,
            unit: Box::new(transaction),
        }))
    }
}

/// The locked order and its customer, if there is one, and its items.
struct Locked {
    customer: Option<Row>,
    order: Option<Row>,
    items: Vec<Row>,
}

/// Begins, locks and reads; statements that became outdated by a change of their table are prepared
/// again.
async fn open(
    client: Connection,
    id: Uuid,
    locks: TransitionLocks,
) -> Result<(Transaction, Locked), Error> {
    let transaction = Transaction::on(client);
    let client = transaction.client();
    let rows = match read(client, id, locks).await {
        Err(error) if is_stale_statement(&error) => {
            client.batch_execute("rollback").await?;
            client.forget_statements();
            read(client, id, locks).await
        }
        Err(error) => {
            // The connection is good, and is needed for the next attempt.
            transaction.roll_back().await?;
            return Err(error);
        }
        read => read,
    };
    Ok((transaction, rows?))
}

/// Begins, locks, and then reads; all statements are sent at once.
async fn read(client: &Connection, id: Uuid, locks: TransitionLocks) -> Result<Locked, Error> {
    let lock_customer = client.prepare(LOCK_CUSTOMER).await?;
    let lock_order = client.prepare(LOCK_ORDER).await?;
    let lock_stock = match locks {
        TransitionLocks::Order => None,
        TransitionLocks::OrderAndStock => Some(client.prepare(LOCK_STOCK).await?),
    };
    let read_items = client.prepare(READ_ITEMS).await?;
    let stock = async {
        match &lock_stock {
            Some(lock) => lock.execute(client, &[&id]).await,
            None => Ok(0),
        }
    };
    let of_order: [&dyn Value; 1] = [&id];
    let begun = try_join(
        client.begin(),
        behind(lock_customer.query_opt(client, &of_order)),
    );
    let (((), customer), order, _, items) = try_join4(
        begun,
        behind(lock_order.query_opt(client, &[&id])),
        behind(stock),
        behind(read_items.query(client, &[&id])),
    )
    .await?;
    Ok(Locked {
        customer,
        order,
        items,
    })
}

/// The statements that write a transition, prepared once per connection.
pub(crate) struct Writes {
    set_status: Statement,
    record_history: Statement,
    return_stock: Statement,
    record_sales: Statement,
    audit: Option<Statement>,
}

fn audited(transition: &Transition) -> Entries<'_> {
    let order_id = transition.order.id.as_uuid();
    let action = Action::OrdersTransition;
    Entries::one(transition.at, &transition.by, action, order_id)
}

impl WritePlan for Transition {
    type Statements = Writes;

    async fn prepare(&self, client: &Connection) -> Result<Writes, Error> {
        Ok(Writes {
            set_status: client.prepare(SET_STATUS).await?,
            record_history: client.prepare(RECORD_HISTORY).await?,
            return_stock: client.prepare(RETURN_STOCK).await?,
            record_sales: client.prepare(sales::RECORD).await?,
            audit: audited(self).prepare(client).await?,
        })
    }

    #[tracing::instrument(level = "debug", name = "db.transitions.write", skip_all)]
    async fn write(&self, client: &Client, statements: &Writes) -> Result<(), Error> {
        let order = &self.order;
        let (id, status, version) = (
            order.id.as_uuid(),
            order.status.as_str(),
            order.version.number(),
        );
        let (products, units): (Vec<Uuid>, Vec<i64>) = self
            .returned
            .iter()
            .map(|line| (line.product_id.as_uuid(), i64::from(line.quantity.units())))
            .unzip();
        let (account, role) = (self.by.account_id.as_uuid(), self.by.role.as_str());
        let note = self.note.as_ref().map(Note::as_str);
        let history: [&dyn Value; 7] = [&id, &version, &status, &self.at, &account, &role, &note];
        let status: [&dyn Value; 3] = [&id, &status, &version];
        let returned: [&dyn Value; 2] = [&products, &units];
        let back: Vec<i64> = units.iter().map(|units| -units).collect();
        let sold: [&dyn Value; 3] = [&order.placed_at.date(), &products, &back];
        let take_back = async {
            if self.returned.is_empty() {
                return Ok(0);
            }
            try_join(
                statements.return_stock.execute(client, &returned),
                behind(statements.record_sales.execute(client, &sold)),
            )
            .await?;
            Ok(0)
        };
        let audited = audited(self);
        try_join4(
            statements.set_status.execute(client, &status),
            behind(statements.record_history.execute(client, &history)),
            behind(take_back),
            behind(audited.write(client, statements.audit.as_ref())),
        )
        .await?;
        Ok(())
    }
}
