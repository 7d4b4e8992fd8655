//! Whether the books balance, past the product.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{arena::Arena, storm::Seen};

/// What was found in the database.
#[derive(Default)]
pub(crate) struct Books {
    /// Acknowledged orders that there are not, or not as they were acknowledged.
    pub(crate) lost: usize,
    /// Orders that nobody was told of, though every key was asked for until it was answered.
    pub(crate) doubled: usize,
    /// Whatever else does not add up.
    pub(crate) wrong: Vec<String>,
}

/// Orders, their status, and how many items they have.
const ORDERS: &str = "
    select orders.id, status, count(itens_order.id)
    from orders
    left join itens_order on order_id = orders.id
    group by orders.id";

/// Products whose stock and sales are not together what there was.
const STOCK: &str = "
    select count(*)
    from stock
    where quantidade_disponivel <> (
        select sum(delta) from stock_movements
        where stock_movements.product_id = stock.product_id) - coalesce(
        (select sum(quantidade)
         from itens_order
         join orders on orders.id = order_id
         where itens_order.product_id = stock.product_id and status <> 'cancelled'), 0)";

/// The orders of keys that were refused.
const KEPT_KEYS: &str = "select count(*) from idempotency_keys where key = any($1)";

/// The most connections that two replicas open on two cores, and more on more: what is beyond is leaked.
const MAX_CONNECTIONS: i64 = 200;

/// Connections to the shop.
const CONNECTIONS: &str = "
    select count(*) from pg_stat_activity where datname = current_database()";

pub(crate) async fn audit(arena: &Arena, seen: &Seen) -> Books {
    let mut books = Books::default();
    let client = arena.sql().await;
    let mut there = HashMap::new();
    for row in client.query(ORDERS, &[]).await.unwrap() {
        let (id, status, items): (Uuid, String, i64) = (row.get(0), row.get(1), row.get(2));
        there.insert(id, (status, items));
    }
    for order in &seen.orders {
        match there.get(&order.id) {
            None => books.lost += 1,
            Some((status, _)) if order.is_cancelled && status != "cancelled" => books.lost += 1,
            Some((_, items)) if *items != order.items => {
                let (id, whole) = (order.id, order.items);
                books
                    .wrong
                    .push(format!("of {whole} items of {id} there are {items}"));
            }
            Some(_) => {}
        }
    }
    let empty = there.values().filter(|(_, items)| *items == 0).count();
    if empty > 0 {
        books.wrong.push(format!("{empty} orders are half there"));
    }
    let told: HashSet<_> = seen.orders.iter().map(|order| order.id).collect();
    let is_told = |id: &&Uuid| told.contains(id) || arena.known.contains(id);
    let untold = there.keys().filter(|id| !is_told(id)).count();
    books.doubled = untold.saturating_sub(seen.given_up);
    let refused: Vec<_> = seen.refused.iter().map(Uuid::to_string).collect();
    let kept: i64 = client
        .query_one(KEPT_KEYS, &[&refused])
        .await
        .unwrap()
        .get(0);
    if kept > 0 {
        books
            .wrong
            .push(format!("{kept} orders were refused, and placed"));
    }
    let unbalanced: i64 = client.query_one(STOCK, &[]).await.unwrap().get(0);
    if unbalanced > 0 {
        books.wrong.push(format!(
            "the stock of {unbalanced} products does not add up"
        ));
    }
    let connections: i64 = client.query_one(CONNECTIONS, &[]).await.unwrap().get(0);
    if connections > MAX_CONNECTIONS {
        books
            .wrong
            .push(format!("{connections} connections are open"));
    }
    books
}
