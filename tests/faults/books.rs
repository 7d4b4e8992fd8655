//! Whether the books balance, past the product.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Client;
use uuid::Uuid;

use crate::{
    arena::{Arena, STOCK},
    connections,
    storm::Seen,
};

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

/// Of each product what is left, what is sold, and what its ledger says that came in.
const STOCK_OF_PRODUCTS: &str = "
    select product_id, quantidade_disponivel::bigint,
        (select coalesce(sum(quantidade), 0)::bigint
         from itens_order
         join orders on orders.id = order_id
         where itens_order.product_id = stock.product_id and status <> 'cancelled'),
        (select coalesce(sum(delta), 0)::bigint
         from stock_movements
         where stock_movements.product_id = stock.product_id)
    from stock";

/// The orders of keys that were refused.
const KEPT_KEYS: &str = "select count(*) from idempotency_keys where key = any($1)";

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
    books.wrong.extend(unbalanced(arena, &client).await);
    books.wrong.extend(connections::leaked(arena).await);
    books
}

/// Products of which more or less is there and sold than there was.
async fn unbalanced(arena: &Arena, client: &Client) -> Vec<String> {
    let mut stock = HashMap::new();
    for row in client.query(STOCK_OF_PRODUCTS, &[]).await.unwrap() {
        let (id, left, sold, came): (Uuid, i64, i64, i64) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        stock.insert(id, (left, sold, came));
    }
    let products = arena.products.iter().zip(STOCK);
    let wrong = products.filter_map(|(id, was)| match stock.get(id) {
        Some((left, sold, came)) if left + sold == was && *came == was => None,
        now => Some(format!(
            "of {was} units of {id} there are left, sold and in the ledger: {now:?}"
        )),
    });
    wrong.collect()
}
