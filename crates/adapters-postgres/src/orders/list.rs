//! Lists of orders, each with its items.

use domain::{
    StorageError,
    bulk::Export,
    catalog::ProductId,
    customers::CustomerId,
    orders::{Order, OrderSort, OrderStatus, OrdersFilter},
    values::{Freshness, Page, PageRequest, Sort},
};

use super::{is_same_order, order};
use crate::{
    database::Database,
    export::{self, Entities},
    list::{Conditions, Keyset, page_of},
};

pub(super) async fn page(
    database: &Database,
    filter: &OrdersFilter,
    sort: Sort<OrderSort>,
    page: &PageRequest,
) -> Result<Page<Order>, StorageError> {
    let keyset = keyset(sort);
    let mut conditions = conditions(filter);
    let (clauses, limit) = conditions.page(&keyset, page);
    let statement = format!(
        "select orders.id, customer_id, data_order, status, version, sort_key,
                itens_order.id as item_id, itens_order.product_id, quantidade, preco_unitario
         from (
             select *, {sort_key}
             from (select * from orders {clauses}) as orders
             {limit}
         ) as orders
         join itens_order on itens_order.order_id = any(array[orders.id])
         {order}, itens_order.id",
        sort_key = keyset.column(),
        order = keyset.order_by(),
    );
    let search = conditions.connection(database).await?;
    let rows = search.query(&statement, &conditions.params()).await?;
    drop(search);
    page_of(rows.chunk_by(is_same_order), page, order)
}

fn keyset(sort: Sort<OrderSort>) -> Keyset {
    let OrderSort::PlacedAt = sort.by;
    Keyset {
        key: ("data_order", "timestamptz"),
        id: "orders.id",
        is_descending: sort.is_descending,
    }
}

fn conditions(filter: &OrdersFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.when(
        "customer_id = ?",
        filter.customer_id.map(CustomerId::as_uuid),
    );
    conditions.when("status = ?", filter.status.map(OrderStatus::as_str));
    conditions.when("data_order > ?", filter.placed_after);
    conditions.when("data_order < ?", filter.placed_before);
    // A planner that knows the product begins with its items, or with the orders when most have it.
    conditions.when(
        "exists (
             select
             from itens_order as bought
             where bought.order_id = orders.id
               and bought.product_id = ?
         )",
        filter.product_id.map(ProductId::as_uuid),
    );
    conditions
}

/// The orders of an export, with their items.
pub(super) fn export(source: (&Database, Freshness), filter: &OrdersFilter) -> Export<Order> {
    let conditions = conditions(filter);
    let statement = format!(
        "select orders.id, customer_id, data_order, status, version, itens_order.id as item_id,
                itens_order.product_id, itens_order.quantidade, itens_order.preco_unitario
         from orders
         join itens_order on itens_order.order_id = orders.id
         {}
         order by orders.id",
        conditions.filter(),
    );
    let entities = Entities {
        is_same: is_same_order,
        entity: |row, rows| {
            let mut order = order(row, rows)?;
            order.items.sort_by_key(|item| item.id);
            Ok(order)
        },
    };
    let counted = format!("select count(*) from orders {}", conditions.filter());
    export::export(source, statement, counted, conditions, entities)
}
