//! Stock: how many units of each product can be ordered, and how that came to be.

mod ledger;
mod level;
mod movement;
mod ports;
mod service;

pub use ledger::{
    BookEntry, Discrepancy, LedgerEntry, LedgerReason, ProductStock, Reconciliation, Units,
};
pub use level::{Stock, StockId, StockLevel};
pub use movement::{
    Movement, MovementId, MovementReason, NewMovement, NewStock, Stamp, StockChange, StockDelta,
};
pub use ports::StockRepository;
pub use service::{Count, StockError, StockService};

#[cfg(test)]
pub(crate) use ports::MockStockRepository;
