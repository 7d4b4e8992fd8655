//! Orders month by month: their tables as partitions by range of the order's id, which begins with its
//! time (PostgreSQL manual, section 5.11). Every key and every statement stays as it is.

mod conversion;
mod detaching;
mod month;

use std::{
    fmt,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::{StorageError, orders::OrderMonths};
use thiserror::Error;
use time::OffsetDateTime;
use tokio_postgres::{Error, Row, Transaction};
use uuid::Uuid;

use self::month::Month;
use crate::{
    advisory_lock::{AdvisoryLock, try_lock},
    connection::Connection,
    database::Database,
    error::{is_lock_not_available, storage},
    migrations::{LOCK, MigrationError},
};

/// The tables, with the column that holds the order's id: that of orders first, for the others refer to it.
const TABLES: [Table; 3] = [
    Table {
        name: "orders",
        key: "id",
    },
    Table {
        name: "itens_order",
        key: "order_id",
    },
    Table {
        name: "order_history",
        key: "order_id",
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Table {
    name: &'static str,
    key: &'static str,
}

/// Whoever waits for a lock of a whole table keeps orders waiting, so it gives up soon, and tries again.
const BRIEFLY: &str = "
    set local statement_timeout = 0;
    set local lock_timeout = '500ms'";

/// For how long it is tried.
const PATIENCE: Duration = Duration::from_mins(2);

const INTERVAL: Duration = Duration::from_secs(1);

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionStep {
    /// A table, of which everything so far is its first partition.
    Converted(&'static str),
    /// Months for which there is room now.
    Made(u64),
    /// Partitions that are tables of their own now.
    Detached {
        /// Their names.
        tables: Vec<String>,
        /// How many orders they hold.
        orders: i64,
    },
}

/// Why orders are not kept as they were to be.
#[derive(Debug, Error)]
pub enum PartitionError {
    /// Another process migrates, or does the same.
    #[error(
        "another process migrates this database, or does the same: try again when it has ended"
    )]
    Busy,
    /// Orders of a month that was to be detached are not over.
    #[error(
        "{table} has {orders} orders that are neither delivered nor cancelled: they must stay where they can \
         be changed. Take them to their end, or keep more months"
    )]
    Unfinished {
        /// The partition.
        table: String,
        /// How many.
        orders: i64,
    },
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<Error> for PartitionError {
    fn from(error: Error) -> Self {
        Self::Storage(storage(error))
    }
}

/// The parts of a table, from the first one on.
struct Part {
    name: String,
    /// The first month that is not in it.
    end: Month,
}

impl Database {
    /// Keeps orders month by month from now on, with room until a moment, and tells every step. What is so
    /// already is left as it is: whatever was interrupted goes on from there. The shop may go on.
    ///
    /// # Errors
    ///
    /// `Busy`, `Migration`, or `Storage`. Each step is done whole or not at all.
    pub async fn partition(
        &self,
        now: OffsetDateTime,
        until: OffsetDateTime,
        tell: impl Fn(PartitionStep) + Send,
    ) -> Result<(), PartitionError> {
        self.migrate().await?;
        let _held = self.alone().await?;
        let mut client = self.reports_client().await?;
        for table in TABLES {
            if !is_partitioned(&client, table).await? {
                conversion::convert(&mut client, table, now).await?;
                tell(PartitionStep::Converted(table.name));
            }
        }
        let made = patiently(&mut client, async |transaction: &Transaction<'_>| {
            make(transaction, until).await
        })
        .await?;
        tell(PartitionStep::Made(made));
        Ok(())
    }

    /// Makes tables of their own of the months that ended so many months ago, the oldest first, and tells of
    /// each. What was sold in them stays in the ledger of stock, as a sum.
    ///
    /// # Errors
    ///
    /// `Busy`, `Unfinished`, or `Storage`. Each month is detached whole or not at all.
    pub async fn detach_months(
        &self,
        now: OffsetDateTime,
        kept: u32,
        tell: impl Fn(PartitionStep) + Send,
    ) -> Result<(), PartitionError> {
        let _held = self.alone().await?;
        let mut client = self.reports_client().await?;
        let kept_from = Month::of(now).earlier(kept);
        for part in parts(&client, TABLES[0]).await? {
            if part.end > kept_from {
                break;
            }
            tell(detaching::detach(&mut client, &part).await?);
        }
        Ok(())
    }

    /// Until it is dropped, nobody else migrates or does this.
    async fn alone(&self) -> Result<AdvisoryLock, PartitionError> {
        let lock = AdvisoryLock::try_acquire(self.client().await?, LOCK).await?;
        lock.ok_or(PartitionError::Busy)
    }
}

#[async_trait]
impl OrderMonths for Database {
    async fn extend(&self, until: OffsetDateTime) -> Result<u64, StorageError> {
        let mut client = self.reports_client().await?;
        if !is_partitioned(&client, TABLES[0]).await.map_err(storage)? {
            return Ok(0);
        }
        let made = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(BRIEFLY).await?;
            if !try_lock(transaction.client(), LOCK).await? {
                return Ok(0);
            }
            let made = make(&transaction, until).await?;
            transaction.commit().await?;
            Ok(made)
        };
        made.await.map_err(storage)
    }
}

/// Runs `work` in a transaction, again and again while locks are not to be had.
async fn patiently<T>(
    client: &mut Connection,
    work: impl AsyncFn(&Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let began = Instant::now();
    loop {
        let transaction = client.transaction().await?;
        transaction.batch_execute(BRIEFLY).await?;
        match work(&transaction).await {
            Ok(done) => {
                transaction.commit().await?;
                return Ok(done);
            }
            Err(error) if is_lock_not_available(&error) && began.elapsed() < PATIENCE => {
                transaction.rollback().await?;
                tokio::time::sleep(INTERVAL).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn is_partitioned(client: &Connection, table: Table) -> Result<bool, Error> {
    const KIND: &str =
        "select relkind = 'p' as is_partitioned from pg_class where oid = to_regclass($1)";
    let row = client.query_one(KIND, &[&table.name]).await?;
    row.try_get("is_partitioned")
}

/// The partitions of a table, in their sequence, without one that its operator may have made for the rest.
const PARTS: &str = r"
    select relname::text as name,
           (regexp_match(pg_get_expr(relpartbound, pg_class.oid), 'TO \(''([^'']+)''\)$'))[1]::uuid as bound
    from pg_inherits
    join pg_class on pg_class.oid = inhrelid
    where inhparent = to_regclass($1) and pg_get_expr(relpartbound, pg_class.oid) <> 'DEFAULT'
    order by bound";

async fn parts(client: &Connection, table: Table) -> Result<Vec<Part>, Error> {
    client
        .query(PARTS, &[&table.name])
        .await?
        .iter()
        .map(part)
        .collect()
}

fn part(row: &Row) -> Result<Part, Error> {
    let bound: Uuid = row.try_get("bound")?;
    Ok(Part {
        name: row.try_get("name")?,
        end: Month::of_id(bound)
            .unwrap_or_else(|| unreachable!("a bound is the beginning of a month")),
    })
}

/// Makes the months that there are not, up to that of this moment, in every table that is partitioned.
async fn make(transaction: &Transaction<'_>, until: OffsetDateTime) -> Result<u64, Error> {
    let mut made = 0;
    for table in TABLES {
        let rows = transaction.query(PARTS, &[&table.name]).await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            continue;
        };
        let (first, mut month) = (part(first)?, part(last)?.end);
        made = 0;
        while month <= Month::of(until) {
            let month_of_table = NewPart {
                table,
                month,
                like: &first.name,
            };
            transaction
                .batch_execute(&month_of_table.to_string())
                .await?;
            month = month.next();
            made += 1;
        }
    }
    Ok(made)
}

/// The statement that makes a month of a table; its owner and its storage are those of another partition.
struct NewPart<'a> {
    table: Table,
    month: Month,
    like: &'a str,
}

impl fmt::Display for NewPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, month, like } = self;
        let name = table.name;
        let (from, to) = (month.first_id(), month.next().first_id());
        write!(
            f,
            "create table {name}_{month} partition of {name} for values from ('{from}') to ('{to}');
             do $$
             declare
                 of_it pg_class;
             begin
                 select * into of_it from pg_class where oid = to_regclass('{like}');
                 execute format('alter table {name}_{month} owner to %I', pg_get_userbyid(of_it.relowner));
                 if of_it.reloptions is not null then
                     execute format('alter table {name}_{month} set (%s)', array_to_string(of_it.reloptions, ', '));
                 end if;
             end $$"
        )
    }
}
