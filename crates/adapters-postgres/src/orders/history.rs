//! The histories of orders: the table `order_history`, and who placed the order.

use domain::{
    StorageError,
    bulk::Export,
    customers::CustomerId,
    identity::{AccountId, Role},
    orders::{History, HistoryEntry, OrderId, OrderStatus},
    values::{Freshness, Note, Version},
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::status;
use crate::{
    database::Database,
    error::column,
    export::{self, Entities},
    list::Conditions,
};

/// Its first row is the placement, which stands on the order.
const FIND: &str = "
    select customer_id, version, $2 as status, data_order as changed_at,
           placed_by as changed_by, placed_by_role as changed_by_role, null as note,
           1::bigint as place
    from orders
    where id = $1
    union all
    select null, null, status, changed_at, changed_by, changed_by_role, note, version
    from order_history
    where order_id = $1
    order by place";

pub(super) async fn find(
    database: &Database,
    id: OrderId,
) -> Result<Option<History>, StorageError> {
    let client = database.client().await?;
    let placed = OrderStatus::Pending.as_str();
    let rows = client.query(FIND, &[&id.as_uuid(), &placed]).await?;
    let history = |order: &Row| {
        Ok(History {
            customer_id: CustomerId::new(column(order, "customer_id")?),
            version: Version::parse(column(order, "version")?).map_err(StorageError::corrupt)?,
            entries: rows.iter().map(entry).collect::<Result<_, _>>()?,
        })
    };
    rows.first().map(history).transpose()
}

fn entry(row: &Row) -> Result<HistoryEntry, StorageError> {
    let role: Option<&str> = column(row, "changed_by_role")?;
    let note: Option<&str> = column(row, "note")?;
    let account_id: Option<Uuid> = column(row, "changed_by")?;
    Ok(HistoryEntry {
        status: status(row)?,
        at: column(row, "changed_at")?,
        role: role
            .map(str::parse::<Role>)
            .transpose()
            .map_err(StorageError::corrupt)?,
        account_id: account_id.map(AccountId::new),
        note: note
            .map(Note::parse)
            .transpose()
            .map_err(StorageError::corrupt)?,
    })
}

/// The histories of all orders of a customer.
pub(super) fn of_customer(
    database: &Database,
    customer_id: CustomerId,
) -> Export<(OrderId, HistoryEntry)> {
    let customer_id = customer_id.as_uuid();
    let mut conditions = Conditions::default();
    conditions.when("customer_id = ?", Some(customer_id));
    let filter = conditions.filter();
    let placed = OrderStatus::Pending.as_str();
    let statement = format!(
        "select orders.id, '{placed}' as status, data_order as changed_at,
                placed_by as changed_by, placed_by_role as changed_by_role, null as note,
                1::bigint as place
         from orders
         {filter}
         union all
         select orders.id, order_history.status, changed_at, changed_by, changed_by_role, note,
                order_history.version
         from orders
         join order_history on order_history.order_id = orders.id
         {filter}
         order by id, place"
    );
    let counted = format!("select count(*) from orders {filter}");
    let entities = Entities {
        is_same: |_, _| false,
        entity: |row, _| Ok((OrderId::new(column(row, "id")?), entry(row)?)),
    };
    export::export(
        (database, Freshness::Latest),
        statement,
        counted,
        conditions,
        entities,
    )
}
