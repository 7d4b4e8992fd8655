//! Stock: how many units of each product can be ordered.

mod level;
mod ports;
mod service;

pub use level::{Stock, StockId, StockLevel};
pub use ports::StockRepository;
pub use service::{StockError, StockService};

#[cfg(test)]
pub(crate) use ports::MockStockRepository;
