//! `balcao export`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use domain::{
    bulk,
    catalog::{ProductId, ProductsFilter},
    customers::{CustomerId, CustomersFilter},
    identity::Caller,
    orders::{OrderStatus, OrdersFilter},
    values::{Email, Freshness, Price, SearchTerms, ValueError},
};
use futures_util::StreamExt as _;
use tempfile::NamedTempFile;
use time::OffsetDateTime;

use super::{
    Failure,
    progress::{bar, until_interrupted},
};
use crate::{
    app::{Shop, shop_of_the_operator},
    bulk::{Exported, Format, lines},
    dto::wire::read_moment,
    settings::DatabaseArgs,
};

#[derive(Debug, Subcommand)]
pub(super) enum Export {
    /// Export orders; a table has a row for each item
    Orders(Orders),
    /// Export the products that are sold
    Products(Products),
    /// Export customers
    Customers(Customers),
}

/// Where an export goes.
#[derive(Debug, Args)]
struct Target {
    #[command(flatten)]
    database: DatabaseArgs,

    /// The format
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,

    /// The file, which is written whole or not at all; the standard output without it
    #[arg(long, short)]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Orders {
    #[command(flatten)]
    target: Target,

    /// Only orders for this customer
    #[arg(long)]
    customer_id: Option<CustomerId>,

    /// Only orders that have this status
    #[arg(long)]
    status: Option<OrderStatus>,

    /// Only orders that have an item of this product
    #[arg(long)]
    product_id: Option<ProductId>,

    /// Only orders that were placed later than this
    #[arg(long, value_parser = read_moment)]
    placed_after: Option<OffsetDateTime>,

    /// Only orders that were placed earlier than this
    #[arg(long, value_parser = read_moment)]
    placed_before: Option<OffsetDateTime>,
}

#[derive(Debug, Args)]
pub(super) struct Products {
    #[command(flatten)]
    target: Target,

    /// Only products that have these words
    #[arg(long, value_parser = SearchTerms::parse)]
    q: Option<SearchTerms>,

    /// Only products that cost as much or more
    #[arg(long, value_parser = Price::parse)]
    min_price: Option<Price>,

    /// Only products that cost as much or less
    #[arg(long, value_parser = Price::parse)]
    max_price: Option<Price>,

    /// Only products of which some unit can be ordered, or only those of which none can
    #[arg(long)]
    in_stock: Option<bool>,
}

#[derive(Debug, Args)]
pub(super) struct Customers {
    #[command(flatten)]
    target: Target,

    /// Only the customer with this address
    #[arg(long, value_parser = email)]
    email: Option<Email>,

    /// Only customers whose name has words like these
    #[arg(long, value_parser = SearchTerms::parse)]
    q: Option<SearchTerms>,
}

fn email(text: &str) -> Result<Email, ValueError> {
    Email::parse(text)
}

/// A standby may serve it, if there is one.
const RECENT: Freshness = Freshness::Recent(None);

impl Export {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Orders(orders) => {
                let filter = OrdersFilter {
                    customer_id: orders.customer_id,
                    status: orders.status,
                    product_id: orders.product_id,
                    placed_after: orders.placed_after,
                    placed_before: orders.placed_before,
                };
                let export = |shop: &Shop| shop.orders.export(&Caller::OPERATOR, filter, RECENT);
                orders.target.write(export).await
            }
            Self::Products(products) => {
                let filter = ProductsFilter {
                    terms: products.q,
                    min_price: products.min_price,
                    max_price: products.max_price,
                    in_stock: products.in_stock,
                };
                let export = |shop: &Shop| shop.catalog.export(&Caller::OPERATOR, filter, RECENT);
                products.target.write(export).await
            }
            Self::Customers(customers) => {
                let filter = CustomersFilter {
                    email: customers.email,
                    terms: customers.q,
                };
                let export = |shop: &Shop| shop.customers.export(&Caller::OPERATOR, filter, RECENT);
                customers.target.write(export).await
            }
        }
    }
}

impl Target {
    /// Writes an export. Ctrl-C and every failure leave no file.
    async fn write<T, E>(
        self,
        export: impl FnOnce(&Shop) -> Result<bulk::Export<T>, E>,
    ) -> Result<(), Failure>
    where
        T: Exported + Send + 'static,
        E: Into<Failure>,
    {
        let database = super::database(self.database).await?;
        // One that is away is not read.
        let _ = database.watch_standby().await;
        let shop = shop_of_the_operator(&database)?;
        let export = export(&shop).map_err(Into::into)?;
        let Some(file) = &self.output else {
            return match until_interrupted(pour(export, self.format, &mut io::stdout())).await {
                // Whoever reads has seen enough.
                Err(error) if is_broken_pipe(&*error) => Ok(()),
                poured => poured,
            };
        };
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let told = |error: io::Error| format!("{}: {error}", file.display());
        let mut draft = NamedTempFile::new_in(folder).map_err(told)?;
        until_interrupted(pour(export, self.format, draft.as_file_mut())).await?;
        draft.persist(file).map_err(|error| told(error.error))?;
        Ok(())
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn pour<T: Exported + Send + 'static>(
    mut export: bulk::Export<T>,
    format: Format,
    target: &mut impl Write,
) -> Result<(), Failure> {
    let bar = bar(&mut export).await?;
    let counted = bar.clone();
    let batches = export.batches.inspect(move |batch| {
        if let Ok(batch) = batch {
            counted.inc(batch.len().try_into().unwrap_or_default());
        }
    });
    let export = bulk::Export {
        batches: batches.boxed(),
        ..export
    };
    let mut lines = std::pin::pin!(lines(Caller::OPERATOR, export, format));
    while let Some(piece) = lines.next().await {
        target.write_all(&piece?)?;
    }
    target.flush()?;
    bar.finish_and_clear();
    Ok(())
}
