//! The catalogue: products, and which of them sell best.

mod best_sellers;
mod import;
mod list;
mod ports;
mod product;
mod service;

pub use best_sellers::{BestSeller, BestSellersList, BestSellersQuery, Period};
pub use import::{
    Checkpoint, EarlierImport, Import, ImportCounts, ImportError, ImportId, ImportMode,
    ImportOutcome, ImportRow, ImportStore, ImportUnit, NumberedRow, WriteImportError,
};
pub use list::{ProductSort, ProductsFilter};
pub use ports::{
    BestSellersReport, InsertProductError, ProductChange, ProductRepository, SalesCorrection,
    SalesRebuild, SalesTotals,
};
pub use product::{Product, ProductEdit, ProductId, StockedProduct};
pub use service::{CatalogError, CatalogService, NewProduct};

#[cfg(test)]
pub(crate) use import::MockImportStore;
#[cfg(test)]
pub(crate) use ports::{MockBestSellersReport, MockProductRepository, MockSalesTotals};
