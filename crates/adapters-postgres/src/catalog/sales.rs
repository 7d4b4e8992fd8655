//! Sales: the tables `sales_log` and `sales_to_date`. Placements and cancellations write to the log
//! within their own transactions, so it lacks nothing and counts nothing twice; gathering adds the
//! log to the totals from which best sellers are read.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    StorageError,
    catalog::{ProductId, SalesCorrection, SalesRebuild, SalesTotals},
};
use time::Date;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use super::PgCatalog;
use crate::{
    advisory_lock::{self, AdvisoryLock, try_lock},
    connection::Connection,
    error::{column, storage},
    statements,
    transaction::in_time,
};

/// Records units that were sold on a day, or returned.
pub(crate) const RECORD: &str = "
    insert into sales_log (day, product_ids, quantidades)
    values ($1, $2, $3)";

/// The advisory lock for changes of the totals: "sales" in ASCII.
const LOCK: i64 = 0x0000_0073_616c_6573;

/// Longer than the statements of which gathering consists may take.
const LONGEST_GATHERING: Duration = Duration::from_secs(30);

/// Recalculating takes as long as there are orders.
const IN_ONE_SNAPSHOT: &str = "
    set transaction isolation level repeatable read;
    set local statement_timeout = 0;
    set local lock_timeout = 0";

/// Every day until today (UTC) begins with the totals of the day before it. The last year is kept,
/// and the day before it.
const BEGIN_DAYS: &str = "
    with last as (
        select max(day) as day
        from sales_to_date
    ), today as (
        select greatest((now() at time zone 'UTC')::date, (select max(day) from sales_log)) as day
    ), old as (
        delete from sales_to_date
        using today, last
        where last.day < today.day
          and sales_to_date.day < today.day - 366
    )
    insert into sales_to_date (day, product_id, quantidade_vendida)
    select last.day + n, product_id, quantidade_vendida
    from today
    cross join last
    cross join generate_series(1, today.day - last.day) as n
    join sales_to_date on sales_to_date.day = last.day
    order by 1, 2";

/// Moves the log into the totals. Units that were sold on a day count in the totals of every later
/// day too.
const GATHER: &str = "
    with log as (
        delete from sales_log
        returning day, product_ids, quantidades
    ), today as (
        select greatest((now() at time zone 'UTC')::date, max(day)) as day
        from log
    ), changes as (
        select product_id, day,
               (sum(sum(quantidade)) over days)::bigint as so_far,
               lead(day) over days as next_day
        from (
            select product_id, greatest(log.day, today.day - 366) as day, quantidade
            from log
            cross join today
            cross join unnest(product_ids, quantidades) as sold (product_id, quantidade)
        ) as sold
        group by product_id, day
        window days as (partition by product_id order by day)
    ), gathered as (
        insert into sales_to_date as total (day, product_id, quantidade_vendida)
        select changes.day + n, product_id, so_far
        from changes
        cross join today
        cross join generate_series(0, coalesce(next_day - 1, today.day) - changes.day) as n
        order by 1, 2
        on conflict (day, product_id) do update
        set quantidade_vendida = total.quantidade_vendida + excluded.quantidade_vendida
    )
    select count(*) from log";

/// The totals, recalculated from the orders.
const RECALCULATE: &str = "
    create temporary table reckoned on commit drop as
    with today as (
        select greatest((now() at time zone 'UTC')::date, (select max(day) from sales_to_date))
            as day
    ), sold as (
        select product_id, greatest((data_order at time zone 'UTC')::date, today.day - 366) as day,
               sum(quantidade) as quantidade
        from orders
        join itens_order on itens_order.order_id = orders.id
        cross join today
        where orders.status <> 'cancelled'
        group by 1, 2
    )
    select days.day, first_sold.product_id,
           (sum(coalesce(sold.quantidade, 0)) over (
               partition by first_sold.product_id order by days.day
           ))
               ::bigint as quantidade_vendida
    from (
        select product_id, min(day) as day
        from sold
        group by product_id
    ) as first_sold
    cross join today
    cross join generate_series(0, today.day - first_sold.day) as n
    cross join lateral (select first_sold.day + n as day) as days
    left join sold on sold.product_id = first_sold.product_id and sold.day = days.day";

/// The days on which the totals differ from the recalculated ones, or are missing.
const COMPARE: &str = "
    with kept as (
        select product_id, day,
               quantidade_vendida - coalesce(lag(quantidade_vendida) over days, 0) as sold
        from sales_to_date
        window days as (partition by product_id order by day)
    ), right_ones as (
        select product_id, day,
               quantidade_vendida - coalesce(lag(quantidade_vendida) over days, 0) as sold
        from reckoned
        window days as (partition by product_id order by day)
    )
    select product_id, day, kept.sold as was, coalesce(right_ones.sold, 0) as now,
           count(*) over () as differed
    from kept
    full join right_ones using (product_id, day)
    where coalesce(kept.sold, 0) <> coalesce(right_ones.sold, 0)
       or (kept.sold is null and right_ones.sold is not null)
    order by day, product_id
    limit $1";

/// Sets the totals to the recalculated ones; rows that are right already are left unchanged.
const REMOVE_WRONG: &str = "
    delete from sales_to_date as kept
    where not exists (
        select 1
        from reckoned
        where reckoned.product_id = kept.product_id
          and reckoned.day = kept.day
          and reckoned.quantidade_vendida = kept.quantidade_vendida
    )";

const INSERT_RIGHT: &str = "
    insert into sales_to_date (day, product_id, quantidade_vendida)
    select day, product_id, quantidade_vendida
    from reckoned
    order by day, product_id
    on conflict (day, product_id) do nothing";

#[async_trait]
impl SalesTotals for PgCatalog {
    #[tracing::instrument(level = "debug", name = "db.sales.gather", skip_all)]
    async fn gather(&self) -> Result<u64, StorageError> {
        let mut client = self.database.reports_client().await?;
        let key = advisory_lock::key(&client, LOCK);
        let gathered = async {
            let transaction = client.transaction().await?;
            if !try_lock(transaction.client(), &key).await? {
                return Ok(0);
            }
            let gathered = gather(transaction.client()).await?;
            transaction.commit().await?;
            Ok::<_, Error>(gathered)
        };
        let gathered = in_time(LONGEST_GATHERING, gathered).await?;
        u64::try_from(gathered).map_err(StorageError::corrupt)
    }

    #[tracing::instrument(level = "debug", name = "db.sales.rebuild", skip_all)]
    async fn rebuild(&self, most: u16) -> Result<SalesRebuild, StorageError> {
        // Taken first: a transaction that waited for it would have an older snapshot.
        let lock = AdvisoryLock::acquire(self.database.client().await?, LOCK).await;
        let _held = lock.map_err(storage)?;
        let client = self.database.reports_client().await?;
        let rows = rebuild(client, most.into()).await.map_err(storage)?;
        let differed: i64 = match rows.first() {
            Some(row) => column(row, "differed")?,
            None => 0,
        };
        Ok(SalesRebuild {
            differed: u64::try_from(differed).map_err(StorageError::corrupt)?,
            first: rows.iter().map(correction).collect::<Result<_, _>>()?,
        })
    }
}

async fn gather(client: &Client) -> Result<i64, Error> {
    statements::execute(client, BEGIN_DAYS, &[]).await?;
    let gathered = statements::query_one(client, GATHER, &[]).await?;
    gathered.try_get(0)
}

/// Runs in one snapshot, which has either both an order and its entry in the log or neither:
/// entries that are recorded meanwhile stay in the log.
async fn rebuild(mut client: Connection, most: i64) -> Result<Vec<Row>, Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(IN_ONE_SNAPSHOT).await?;
    let client = transaction.client();
    gather(client).await?;
    transaction.batch_execute(RECALCULATE).await?;
    let corrections = statements::query(client, COMPARE, &[&most]).await?;
    statements::execute(client, REMOVE_WRONG, &[]).await?;
    statements::execute(client, INSERT_RIGHT, &[]).await?;
    transaction.commit().await?;
    Ok(corrections)
}

fn correction(row: &Row) -> Result<SalesCorrection, StorageError> {
    Ok(SalesCorrection {
        product_id: ProductId::new(column::<Uuid>(row, "product_id")?),
        day: column::<Date>(row, "day")?,
        was: column(row, "was")?,
        now: column(row, "now")?,
    })
}
