//! `balcao partition`.

use adapters_postgres::PartitionStep;
use clap::{Args, value_parser};
use domain::{Clock as _, Housekeeping};

use super::Failure;
use crate::{adapters::SystemClock, settings::DatabaseArgs};

/// Best sellers look back a year.
const LEAST_KEPT: i64 = 13;

#[derive(Debug, Args)]
pub(super) struct Partition {
    /// Keep orders, their items and their history in a partition for each month; those that there are become the
    /// first one. What is so already is left as it is, and what was interrupted goes on
    #[arg(long, required = true)]
    monthly: bool,

    /// Detach the months before the last N: they become tables of their own, which the API does not read
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(LEAST_KEPT..=1200))]
    keep_months: Option<u32>,

    #[command(flatten)]
    database: DatabaseArgs,
}

impl Partition {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let database = super::database(self.database).await?;
        let now = SystemClock.now();
        database
            .partition(now, now + Housekeeping::ROOM_AHEAD, print)
            .await?;
        if let Some(kept) = self.keep_months {
            database.detach_months(now, kept, print).await?;
        }
        Ok(())
    }
}

fn print(step: PartitionStep) {
    match step {
        PartitionStep::Converted(table) => {
            println!("{table}: everything so far is its first partition");
        }
        PartitionStep::Made(0) => println!("there is room for the months ahead"),
        PartitionStep::Made(1) => println!("room was made for 1 month"),
        PartitionStep::Made(months) => println!("room was made for {months} months"),
        PartitionStep::Detached { tables, orders } => {
            let tables = tables.join(", ");
            println!("detached, with {orders} orders: {tables}");
        }
    }
}
