//! `balcao best-sellers`.

use adapters_postgres::PgCatalog;
use clap::{Args, Subcommand};
use domain::catalog::{SalesCorrection, SalesRebuild, SalesTotals as _};

use super::Failure;
use crate::settings::DatabaseArgs;

/// The most differences that are printed.
const MOST: u16 = 100;

#[derive(Debug, Subcommand)]
pub(super) enum BestSellers {
    /// Recalculate the sales totals from the orders, and print what differed; the shop may go on
    Rebuild(Rebuild),
}

#[derive(Debug, Args)]
pub(super) struct Rebuild {
    #[command(flatten)]
    database: DatabaseArgs,
}

impl BestSellers {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self::Rebuild(Rebuild { database }) = self;
        let database = super::database(database).await?;
        let SalesRebuild { differed, first } = PgCatalog::new(&database).rebuild(MOST).await?;
        for correction in &first {
            let SalesCorrection {
                product_id,
                day,
                was,
                now,
            } = correction;
            let was = was.map_or_else(|| "counted nothing".to_owned(), |n| format!("counted {n}"));
            println!("{day} {product_id}: {was}, sold {now}");
        }
        if differed > MOST.into() {
            println!("and so on");
        }
        match differed {
            0 => println!("nothing differed"),
            1 => println!("1 day of a product differed and is right now"),
            number => println!("{number} days of products differed and are right now"),
        }
        Ok(())
    }
}
