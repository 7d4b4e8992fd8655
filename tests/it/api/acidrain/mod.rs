//! Races over a wire that delays every message to and from PostgreSQL, at two servers: the attacks of
//! "`ACIDRain`: Concurrency-Related Attacks on Database-Backed Web Applications" (Warszawski and Bailis,
//! SIGMOD 2017) on what this API promises. SECURITY.md says which anomaly each test is about.

mod charges;
mod endings;
mod imports;
mod inventory;
mod names;
mod orders;
mod vouchers;

use adapters_postgres::PgStock;
use domain::stock::{Reconciliation, StockRepository as _};
use futures_util::TryStreamExt as _;
use integration_tests::{Answer, Client, Shop, TestServer};
use serde_json::{Value, json};

/// Two servers over one database. The second is declared before the shop, so that it has stopped
/// before the database is dropped.
struct Race {
    there: TestServer,
    shop: Shop,
}

/// What must always be so, and how many there are of what contradicts it: asked past the product.
const INVARIANTS: [(&str, &str); 5] = [
    (
        "stock and what was sold are what there was",
        "select count(*)
         from stock
         where quantidade_disponivel <> (
                   select coalesce(sum(delta), 0)
                   from stock_movements
                   where stock_movements.product_id = stock.product_id
               ) - (
                   select coalesce(sum(quantidade), 0)
                   from itens_order
                   join orders on orders.id = order_id
                   where itens_order.product_id = stock.product_id and status <> 'cancelled'
               )",
    ),
    (
        "the totals of best sellers are what was sold",
        "select count(*)
         from stock
         where (
                   select coalesce(sum(quantidade), 0)
                   from sales_log
                   cross join unnest(product_ids, quantidades) as log (product_id, quantidade)
                   where log.product_id = stock.product_id
               ) + coalesce((
                   select quantidade_vendida
                   from sales_to_date
                   where sales_to_date.product_id = stock.product_id
                   order by day desc
                   limit 1
               ), 0) <> (
                   select coalesce(sum(quantidade), 0)
                   from itens_order
                   join orders on orders.id = order_id
                   where itens_order.product_id = stock.product_id and status <> 'cancelled'
               )",
    ),
    (
        "no order is without items",
        "select count(*)
         from orders
         where not exists (select from itens_order where order_id = orders.id)",
    ),
    (
        "an order has one history, which ends where the order is",
        "select count(*)
         from orders
         left join (
             select order_id, string_agg(status, ' ' order by version) as path,
                    array_agg(version order by version) as versions
             from order_history
             group by order_id
         ) as history on history.order_id = orders.id
         where coalesce(versions, '{}') <> array(select generate_series(2, orders.version))
            or coalesce(path, 'pending') !~ ('(^| )' || status || '$')
            or coalesce(path, '') not in ('', 'cancelled', 'paid', 'paid cancelled', 'paid shipped',
                                          'paid shipped delivered')",
    ),
    (
        "what the shop's people did to orders and stock is noted, once",
        "select abs(
             (select count(*) from order_history where changed_by_role <> 'customer')
             + (select count(*) from orders where placed_by_role <> 'customer')
             + (select count(*) from stock_movements where reason not in ('opening', 'count'))
             - (select count(*)
                from audit
                where action in ('orders:place', 'orders:transition', 'stock:move'))
         )",
    ),
];

impl Race {
    async fn begin() -> Self {
        let shop = Shop::with_delays().await;
        let there = shop.replica();
        Self { there, shop }
    }

    /// This caller, once at the one server and once at the other.
    fn at(&self, caller: &Client, n: usize) -> Client {
        match n % 2 {
            0 => caller.at(&self.shop.anonymous()),
            _ => caller.at(&self.there.anonymous()),
        }
    }

    /// So many of this caller, in turns at both servers.
    fn each(&self, caller: &Client, many: usize) -> Vec<Client> {
        (0..many).map(|n| self.at(caller, n)).collect()
    }

    /// One number, past the product.
    async fn number(&self, query: &str) -> i64 {
        let client = self.shop.database.client().await;
        client.query_one(query, &[]).await.unwrap().get(0)
    }

    /// The products whose stock and ledger differ, as `balcao reconcile` finds them.
    async fn discrepancies(&self) -> usize {
        let stock = PgStock::new(&self.shop.database.pool(1));
        let entries: Vec<_> = stock.books().batches.try_concat().await.unwrap();
        let mut books = Reconciliation::default();
        for entry in entries {
            books.take(entry);
        }
        books.discrepancies().len()
    }

    /// Fails when something contradicts what must always be so.
    async fn everything_holds(&self) {
        for (invariant, contradictions) in INVARIANTS {
            assert_eq!(self.number(contradictions).await, 0, "{invariant}");
        }
        assert_eq!(self.discrepancies().await, 0, "the books balance");
        let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
        assert_eq!(self.number(deadlocks).await, 0, "nobody waits in a circle");
    }
}

fn order_of(lines: &[(&String, i64)]) -> Value {
    let line =
        |(product, units): &(&String, i64)| json!({"product_id": product, "quantidade": units});
    json!({"itens": lines.iter().map(line).collect::<Vec<_>>()})
}

fn path_of(order: &Answer) -> String {
    format!("/orders/{}", order.id())
}

/// How many answers have this status. The others must be one of these problems.
#[track_caller]
fn count(answers: Vec<Answer>, status: u16, problems: &[(u16, &str)]) -> usize {
    let mut counted = 0;
    for answer in answers {
        if answer.status == status {
            counted += 1;
        } else {
            let code = answer.body["code"].as_str().unwrap_or_default();
            let is_known = problems.contains(&(answer.status, code));
            assert!(is_known, "{} {}", answer.status, answer.body);
        }
    }
    counted
}

/// Asks again for so long as that is the answer: whoever has to wait for longer than a moment for
/// somebody who came before them is told to.
async fn answered<F: Future<Output = Answer>>(ask: impl Fn() -> F) -> Answer {
    loop {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
    }
}

/// Sends a table, and returns the last line of the answer.
async fn import(client: &Client, path: &str, key: Option<&str>, rows: &str) -> Answer {
    let mut request = client
        .request("POST", path)
        .header("content-type", "text/csv");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let mut answer = Answer::to(request.body(rows.to_owned())).await;
    if let Value::String(lines) = &answer.body {
        let last = lines.lines().last().unwrap_or_default();
        answer.body = serde_json::from_str(last).unwrap();
    }
    answer
}
