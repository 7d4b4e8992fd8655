//! A month becomes a table of its own, which no statement of ours reads.

use tokio_postgres::{Error, Transaction};

use super::{Part, PartitionError, PartitionStep, TABLES, patiently};
use crate::connection::Connection;

/// What was found in a month.
enum Found {
    Unfinished(i64),
    Detached { tables: Vec<String>, orders: i64 },
}

pub(super) async fn detach(
    client: &mut Connection,
    part: &Part,
) -> Result<PartitionStep, PartitionError> {
    let suffix = part.name.strip_prefix(TABLES[0].name).unwrap_or_default();
    let found = patiently(client, async |transaction: &Transaction<'_>| {
        detach_all(transaction, suffix, part).await
    });
    match found.await? {
        Found::Detached { tables, orders } => Ok(PartitionStep::Detached { tables, orders }),
        Found::Unfinished(orders) => Err(PartitionError::Unfinished {
            table: part.name.clone(),
            orders,
        }),
    }
}

async fn detach_all(
    transaction: &Transaction<'_>,
    suffix: &str,
    part: &Part,
) -> Result<Found, Error> {
    let lock = "lock table orders, itens_order, order_history in access exclusive mode";
    transaction.batch_execute(lock).await?;
    let count = format!(
        "select count(*) as orders,
                count(*) filter (where status not in ('delivered', 'cancelled')) as unfinished
         from orders{suffix}"
    );
    let row = transaction.query_one(&count, &[]).await?;
    let (orders, unfinished): (i64, i64) = (row.try_get("orders")?, row.try_get("unfinished")?);
    if unfinished > 0 {
        return Ok(Found::Unfinished(unfinished));
    }
    let carry_over = format!(
        "insert into stock_movements (id, product_id, moved_at, delta, reason, note)
         select gen_random_uuid(), product_id, $1, -sum(quantidade), 'adjustment', $2
         from itens_order{suffix}
         join orders{suffix} on orders{suffix}.id = order_id
         where status <> 'cancelled'
         group by product_id"
    );
    let note = format!("Sold in orders{suffix}, which is detached.");
    transaction
        .execute(&carry_over, &[&part.end.start(), &note])
        .await?;
    let mut tables = Vec::new();
    // Those that refer to orders first.
    for table in TABLES.iter().rev() {
        let detached = format!("{}{suffix}", table.name);
        let detach = format!("alter table {} detach partition {detached}", table.name);
        transaction.batch_execute(&detach).await?;
        // What stays may go its own ways: nothing has to wait for what is kept of old months.
        transaction
            .batch_execute(&without_foreign_keys(&detached))
            .await?;
        tables.push(detached);
    }
    Ok(Found::Detached { tables, orders })
}

fn without_foreign_keys(table: &str) -> String {
    format!(
        "do $$
         declare
             key name;
         begin
             for key in
                 select conname from pg_constraint
                 where conrelid = to_regclass('{table}') and contype = 'f' and conparentid = 0
             loop
                 execute format('alter table {table} drop constraint %I', key);
             end loop;
         end $$"
    )
}
