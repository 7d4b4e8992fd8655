//! `balcao migrate`.

use clap::Args;

use super::Failure;
use crate::settings::DatabaseArgs;

#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let database = super::database(self.database).await?;
        match database.migrate().await? {
            0 => println!("the schema is up to date"),
            1 => println!("1 migration applied"),
            applied => println!("{applied} migrations applied"),
        }
        Ok(())
    }
}
