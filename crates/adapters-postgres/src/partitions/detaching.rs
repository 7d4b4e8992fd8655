//! A month becomes a table of its own, which no statement of ours reads.

use tokio_postgres::Client;

use super::{Locks, Month, Part, PartitionError, PartitionStep, Prepare, TABLES, Table, parts};
use crate::{connection::Connection, error::column, statements};

/// Parts of all tables that hold the same orders.
pub(super) struct Old {
    parts: Vec<(Table, Vec<String>)>,
    /// The first month that is not in them.
    end: Month,
}

impl Old {
    fn names(&self, table: Table) -> &[String] {
        let parts = self.parts.iter().find(|(own, _)| *own == table);
        parts.map_or(&[], |(_, names)| names)
    }
}

/// The oldest parts that end together, before this month. Tables that were converted in several runs may have first
/// parts of different lengths.
pub(super) async fn oldest(
    client: &Client,
    kept_from: Month,
) -> Result<Option<Old>, PartitionError> {
    let mut all = Vec::new();
    for table in TABLES {
        all.push((table, parts(client, table).await?));
    }
    let ends_everywhere = |end: &Month| {
        let mut tables = all.iter();
        tables.all(|(_, parts)| parts.iter().any(|part| part.end == *end))
    };
    let mut ends = all.iter().flat_map(|(_, parts)| parts).map(|part| part.end);
    let end = ends.find(|end| *end <= kept_from && ends_everywhere(end));
    Ok(end.map(|end| {
        let old = |parts: &[Part]| {
            let old = parts.iter().filter(|part| part.end <= end);
            old.map(|part| part.name.clone()).collect()
        };
        let parts = all
            .iter()
            .map(|(table, parts)| (*table, old(parts)))
            .collect();
        Old { parts, end }
    }))
}

/// What was found in a month.
pub(super) enum Found {
    Unfinished(i64),
    Finished(i64),
}

pub(super) async fn detach(
    client: &mut Connection,
    old: &Old,
) -> Result<PartitionStep, PartitionError> {
    let tables = || old.parts.iter().flat_map(|(_, names)| names.clone());
    match Locks::References.make(client, old).await? {
        Found::Finished(orders) => Ok(PartitionStep::Detached {
            tables: tables().collect(),
            orders,
        }),
        Found::Unfinished(orders) => Err(PartitionError::Unfinished {
            tables: old.names(TABLES[0]).join(", "),
            orders,
        }),
    }
}

impl Prepare for &Old {
    type Found = Found;

    async fn prepare(&self, client: &Client) -> Result<(String, Found), PartitionError> {
        let found = add_up(client, self).await?;
        let change = match found {
            Found::Unfinished(_) => String::new(),
            Found::Finished(_) => statements_for(self),
        };
        Ok((change, found))
    }
}

/// Adds up what was sold, unless an order is not over, and tells the ledgers. Nothing of it changes any more: what
/// was delivered or cancelled stays so, and no order is placed in a month that is over.
async fn add_up(client: &Client, old: &Old) -> Result<Found, PartitionError> {
    let [orders, items, _] = TABLES.map(|table| old.names(table));
    let all = |names: &[String], columns: &str| {
        let selects = names
            .iter()
            .map(|name| format!("select {columns} from {name}"));
        selects.collect::<Vec<_>>().join(" union all ")
    };
    let (orders_of, items_of) = (
        all(orders, "id, status"),
        all(items, "order_id, product_id, quantidade"),
    );
    let count = format!(
        "select count(*) as orders,
                count(*) filter (where status not in ('delivered', 'cancelled')) as unfinished
         from ({orders_of}) as old"
    );
    let row = statements::query_one(client, &count, &[]).await?;
    let (count, unfinished): (i64, i64) = (column(&row, "orders")?, column(&row, "unfinished")?);
    if unfinished > 0 {
        return Ok(Found::Unfinished(unfinished));
    }
    let carry_over = format!(
        "insert into stock_movements (id, product_id, moved_at, delta, reason, note)
         select gen_random_uuid(), product_id, $1, -sum(quantidade), 'adjustment', $2
         from ({items_of}) as items
         join ({orders_of}) as old on old.id = order_id
         where status <> 'cancelled'
         group by product_id"
    );
    let note = format!("Sold in {}, which is detached.", orders.join(", "));
    let (end, note) = (old.end.start(), note.as_str());
    statements::execute(client, &carry_over, &[&end, &note]).await?;
    Ok(Found::Finished(count))
}

/// The statements that detach the parts: those that refer to orders first, and those of orders once nothing
/// refers to them, which PostgreSQL looks for in all that stays. It finds it sooner in the sequence of ids.
fn statements_for(old: &Old) -> String {
    let mut statements =
        vec!["set local enable_hashjoin = off; set local enable_seqscan = off".to_owned()];
    for table in TABLES.iter().rev() {
        for part in old.names(*table) {
            statements.push(format!(
                "alter table {} detach partition {part}",
                table.name
            ));
            if *table != TABLES[0] {
                statements.push(without_orders(part));
            }
        }
    }
    statements.join(";\n")
}

/// What stays refers to no order any more.
fn without_orders(part: &str) -> String {
    format!(
        "do $$
         declare
             key name;
         begin
             for key in
                 select conname from pg_constraint
                 where conrelid = '{part}'::regclass and confrelid = 'orders'::regclass and conparentid = 0
             loop
                 execute format('alter table {part} drop constraint %I', key);
             end loop;
         end $$"
    )
}
