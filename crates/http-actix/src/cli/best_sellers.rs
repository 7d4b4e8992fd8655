//! `balcao best-sellers`.

use adapters_postgres::Database;
use clap::{Args, Subcommand};
use domain::ports::{SalesCorrection, SalesTotals as _};

use super::Failure;
use crate::settings::DatabaseArgs;

#[derive(Debug, Subcommand)]
pub(super) enum BestSellers {
    /// Reckon what was sold anew from the orders, and say what differed; the shop may go on
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
        let database = Database::new(&database.check()?)?;
        let corrections = database.rebuild().await?;
        for correction in &corrections {
            let SalesCorrection {
                product_id,
                day,
                was,
                now,
            } = correction;
            println!("{day} {product_id}: {was} were counted, {now} were sold");
        }
        match corrections.len() {
            0 => println!("nothing differed"),
            1 => println!("1 day of a product differed and is right now"),
            number => println!("{number} days of products differed and are right now"),
        }
        Ok(())
    }
}
