//! `balcao seed`.

use clap::Args;
use domain::Clock;

use super::Failure;
use crate::{
    adapters::SystemClock,
    demo::{self, Loaded},
    settings::DatabaseArgs,
};

#[derive(Debug, Args)]
pub(super) struct Seed {
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Seed {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let database = super::database(self.database).await?;
        let loaded = demo::load(&database, SystemClock.now()).await?;
        if loaded.is_nothing() {
            println!("the demonstration is there already");
        } else {
            let Loaded {
                products,
                customers,
                orders,
            } = loaded;
            println!("loaded {products} products, {customers} customers and {orders} orders");
        }
        Ok(())
    }
}
