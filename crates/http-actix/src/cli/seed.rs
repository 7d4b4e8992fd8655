//! `balcao seed`.

use adapters_postgres::Database;
use clap::Args;
use domain::ports::Clock;

use super::Failure;
use crate::{adapters::SystemClock, demo, settings::DatabaseArgs};

#[derive(Debug, Args)]
pub(super) struct Seed {
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Seed {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let database = Database::new(&self.database.check()?)?;
        let demo = demo::coffee_shop(SystemClock.now())?;
        let (products, customers, orders) =
            (demo.products.len(), demo.customers.len(), demo.orders.len());
        if database.load_demo(&demo).await? {
            println!("loaded {products} products, {customers} customers and {orders} orders");
        } else {
            println!("the demonstration is there already");
        }
        Ok(())
    }
}
