//! Orders month by month: their tables as partitions by range of the order's id, which begins with its
//! time (PostgreSQL manual, section 5.11). Every key and every statement stays as it is.

mod change;
mod conversion;
mod detaching;
mod month;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::{StorageError, orders::OrderMonths};
use thiserror::Error;
use time::OffsetDateTime;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use self::{
    change::{Locks, Prepare, is_in_use},
    conversion::Conversion,
    month::Month,
};
use crate::{
    advisory_lock::AdvisoryLock,
    connection::Connection,
    database::Database,
    error::{column, storage},
    migrations::MigrationError,
    statements,
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

/// The advisory lock of whoever changes how orders are kept: "months" in ASCII.
const LOCK: i64 = 0x0000_6d6f_6e74_6873;

/// How long to wait for another process that does so.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(10);

const INTERVAL: Duration = Duration::from_millis(250);

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
    /// Another process does the same.
    #[error("another process does the same: try again when it has ended")]
    Busy,
    /// Somebody uses the tables, and does not end.
    #[error(
        "the tables of orders are used by something that takes long (an export, a backup, a migration, a vacuum \
         against wraparound): try again when it has ended"
    )]
    InUse,
    /// What an operator has added would not be there for later months.
    #[error(
        "these would stay with the orders of now, and miss those of later months: {}. Drop them, and make them \
         again afterwards", .0.join(", ")
    )]
    InTheWay(Vec<String>),
    /// A partition that somebody else has made.
    #[error("{0} is no month: it was made by somebody else")]
    NoMonth(String),
    /// Orders of a month that was to be detached are not over.
    #[error(
        "{tables} has {orders} orders that are neither delivered nor cancelled: they must stay where they can \
         be changed. Take them to their end, or keep more months"
    )]
    Unfinished {
        /// The partitions.
        tables: String,
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
        if is_in_use(&error) {
            Self::InUse
        } else {
            Self::Storage(storage(error))
        }
    }
}

/// A part of a table.
struct Part {
    /// Its name, quoted where it must be.
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
    /// `Busy`, `InUse`, `InTheWay`, `NoMonth`, `Migration`, or `Storage`. Each step is done whole or not at
    /// all, and nothing is left that refuses an order.
    pub async fn partition(
        &self,
        now: OffsetDateTime,
        until: OffsetDateTime,
        tell: impl Fn(PartitionStep) + Send,
    ) -> Result<(), PartitionError> {
        self.migrate().await?;
        let _held = self.alone().await?;
        let mut client = self.reports_client().await?;
        let converted = convert(&mut client, (now, until), &tell).await;
        if converted.is_err() {
            // What it failed of is told; a replica tries again to let go of these.
            let _ = conversion::let_go(&mut client).await;
        }
        converted?;
        tell(PartitionStep::Made(extend(&mut client, until).await?));
        // Nobody else does that for a table which has partitions.
        let analyze = TABLES.map(|table| table.name).join(", ");
        let analyze = format!("analyze {analyze}");
        Locks::None.make(&mut client, analyze.as_str()).await?;
        client.close();
        Ok(())
    }

    /// Makes tables of their own of the months that ended so many months ago, the oldest first, and tells of
    /// each. What was sold in them stays in the ledger of stock, as a sum.
    ///
    /// # Errors
    ///
    /// `Busy`, `InUse`, `Unfinished`, `NoMonth`, or `Storage`. Each month is detached whole or not at all.
    pub async fn detach_months(
        &self,
        now: OffsetDateTime,
        kept: u32,
        tell: impl Fn(PartitionStep) + Send,
    ) -> Result<(), PartitionError> {
        let _held = self.alone().await?;
        let mut client = self.reports_client().await?;
        let kept_from = Month::of(now).earlier(kept);
        while let Some(old) = detaching::oldest(&client, kept_from).await? {
            tell(detaching::detach(&mut client, &old).await?);
        }
        Ok(())
    }

    /// Until it is dropped, nobody else does this.
    async fn alone(&self) -> Result<AdvisoryLock, PartitionError> {
        let began = Instant::now();
        loop {
            let client = self.client().await?;
            if let Some(lock) = AdvisoryLock::try_acquire(client, LOCK).await? {
                return Ok(lock);
            }
            if began.elapsed() > PATIENCE_WITH_OTHERS {
                return Err(PartitionError::Busy);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

#[async_trait]
impl OrderMonths for Database {
    async fn extend(&self, until: OffsetDateTime) -> Result<u64, StorageError> {
        let extended = async {
            let client = self.client().await?;
            let (is_begun, is_interrupted) = conversion::state(&client).await?;
            drop(client);
            if !is_begun && !is_interrupted {
                return Ok(0);
            }
            let _held = match self.alone().await {
                // Whoever is at it makes room as well.
                Err(PartitionError::Busy) => return Ok(0),
                held => held?,
            };
            // Reports go on meanwhile.
            let mut client = self.bulk_client().await?;
            if is_interrupted {
                conversion::let_go(&mut client).await?;
            }
            extend(&mut client, until).await
        };
        extended.await.map_err(|error| match error {
            PartitionError::Storage(error) => error,
            error => StorageError::unavailable(error),
        })
    }
}

/// Converts the tables that are not partitioned yet.
async fn convert(
    client: &mut Connection,
    (now, until): (OffsetDateTime, OffsetDateTime),
    tell: &(impl Fn(PartitionStep) + Send),
) -> Result<(), PartitionError> {
    let Some(conversion) = Conversion::begin(client, now, until).await? else {
        return Ok(());
    };
    conversion.prepare(client).await?;
    for table in conversion.tables() {
        conversion.convert(client, table).await?;
        tell(PartitionStep::Converted(table.name));
    }
    Ok(())
}

/// The partitions of a table, in their sequence, without one that its operator may have made for the rest.
const PARTS: &str = r"
    select inhrelid::regclass::text as name,
           (regexp_match(pg_get_expr(relpartbound, pg_class.oid), 'TO \(''([^'']+)''\)$'))[1]::uuid as bound
    from pg_inherits
    join pg_class on pg_class.oid = inhrelid
    where inhparent = to_regclass($1) and pg_get_expr(relpartbound, pg_class.oid) <> 'DEFAULT'
    order by bound";

async fn parts(client: &Client, table: Table) -> Result<Vec<Part>, PartitionError> {
    let rows = statements::query(client, PARTS, &[&table.name]).await?;
    let parts = rows.iter().map(|row| {
        let name: String = column(row, "name")?;
        let bound: Option<Uuid> = column(row, "bound")?;
        let end = bound.and_then(Month::of_id);
        match end.filter(|end| Some(end.first_id()) == bound) {
            Some(end) => Ok(Part { name, end }),
            None => Err(PartitionError::NoMonth(name)),
        }
    });
    parts.collect()
}

/// Makes the months that there are not, up to that of this moment, in every table that is partitioned.
/// Returns how many orders had no room in.
async fn extend(client: &mut Connection, until: OffsetDateTime) -> Result<u64, PartitionError> {
    let mut made = 0;
    for table in TABLES {
        let parts = parts(client, table).await?;
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
            continue;
        };
        let mut month = last.end;
        while month <= Month::of(until) {
            let creation = make(table, month, &first.name);
            Locks::Orders.make(client, creation.as_str()).await?;
            month = month.next();
            made += u64::from(table == TABLES[0]);
        }
    }
    Ok(made)
}

/// The statements that make a month of a table; its owner and its storage are those of another partition.
fn make(Table { name, .. }: Table, month: Month, like: &str) -> String {
    let (from, to) = (month.first_id(), month.next().first_id());
    format!(
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
         end $$;"
    )
}
