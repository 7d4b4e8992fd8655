//! The command line.

mod best_sellers;
mod export;
mod import;
mod logs;
mod migrate;
mod openapi;
mod partition;
mod progress;
mod reconcile;
mod seed;
mod serve;
mod user;

use std::{error::Error, process::ExitCode};

use actix_web::rt::System;
use adapters_postgres::Database;
use clap::{Parser, Subcommand};

use crate::{causes::whole, settings::DatabaseArgs, traces::Traces};

/// Balcão: an order desk that never oversells.
#[derive(Debug, Parser)]
#[command(name = "balcao", version, about)]
struct Cli {
    #[command(flatten)]
    log: logs::LogArgs,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API
    Serve(Box<serve::Serve>),
    /// Apply the pending migrations and exit
    Migrate(migrate::Migrate),
    /// Manage the accounts of the shop's people
    #[command(subcommand)]
    User(user::User),
    /// Maintain the sales totals that best sellers are read from
    #[command(subcommand)]
    BestSellers(best_sellers::BestSellers),
    /// Import products from a file
    #[command(subcommand)]
    Import(import::Import),
    /// Export products, orders or customers, as of one moment
    #[command(subcommand)]
    Export(export::Export),
    /// Prove that the stock of every product is the sum of its ledger, as of one moment; the shop may
    /// go on. Fails and names the products where it is not
    Reconcile(reconcile::Reconcile),
    /// Keep orders month by month, in partitions of their tables: see deploy/README.md first
    Partition(partition::Partition),
    /// Print the OpenAPI document of the API
    Openapi,
    /// Load a demonstration: a coffee shop's catalogue, customers and orders
    Seed(seed::Seed),
}

/// The error of a command, printed to its user.
type Failure = Box<dyn Error>;

/// A database, whose sessions are as they must be.
async fn database(args: DatabaseArgs) -> Result<Database, Failure> {
    let database = Database::new(&args.check()?)?;
    database.check_sessions().await?;
    Ok(database)
}

/// Runs the command that the arguments of this process name.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let traces = match &cli.command {
        Command::Serve(_) => Traces::begin(),
        _ => Ok(None),
    };
    let traces = match traces {
        Ok(traces) => traces,
        Err(wrong) => {
            eprintln!("balcao: traces: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    let _log = logs::init(&cli.log, traces.as_ref());
    let run = async {
        match cli.command {
            Command::Serve(serve) => serve.run().await,
            Command::Migrate(migrate) => migrate.run().await,
            Command::User(user) => user.run().await,
            Command::BestSellers(best_sellers) => best_sellers.run().await,
            Command::Import(import) => import.run().await,
            Command::Export(export) => export.run().await,
            Command::Reconcile(reconcile) => reconcile.run().await,
            Command::Partition(partition) => partition.run().await,
            Command::Openapi => openapi::run(),
            Command::Seed(seed) => seed.run().await,
        }
    };
    let ended = match System::new().block_on(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("balcao: {}", whole(&*failure));
            ExitCode::FAILURE
        }
    };
    // What becomes of the last of them is logged.
    drop(traces);
    ended
}
