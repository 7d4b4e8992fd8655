//! `balcao reconcile`.

use adapters_postgres::Database;
use clap::Args;
use domain::{
    identity::Caller,
    stock::{Discrepancy, Reconciliation},
};
use futures_util::StreamExt as _;

use super::{
    Failure,
    progress::{bar, until_interrupted},
};
use crate::{app::shop_of_the_operator, settings::DatabaseArgs};

#[derive(Debug, Args)]
pub(super) struct Reconcile {
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Reconcile {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let database = super::database(self.database).await?;
        let books = until_interrupted(read(&database)).await?;
        let found = books.discrepancies();
        for Discrepancy {
            product_id,
            stock,
            ledger,
        } in &found
        {
            println!("{product_id}: {stock} in stock, {ledger} by its ledger");
        }
        let of = match books.products() {
            1 => "1 product".to_owned(),
            products => format!("{products} products"),
        };
        match found.len() {
            0 => {
                println!("{of}: the stock of each is the sum of its ledger");
                Ok(())
            }
            wrong => {
                Err(format!("of {of}, {wrong} with stock that is not the sum of its ledger").into())
            }
        }
    }
}

async fn read(database: &Database) -> Result<Reconciliation, Failure> {
    let shop = shop_of_the_operator(database)?;
    let mut books = shop.stock.books(&Caller::OPERATOR)?;
    let bar = bar(&mut books).await?;
    let mut sums = Reconciliation::default();
    while let Some(entries) = books.batches.next().await {
        let entries = entries?;
        bar.inc(entries.len().try_into().unwrap_or_default());
        for entry in entries {
            sums.take(entry);
        }
    }
    bar.finish_and_clear();
    Ok(sums)
}
