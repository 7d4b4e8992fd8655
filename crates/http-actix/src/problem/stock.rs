//! The problems of stock.

use domain::stock::StockError;

use super::{Code, Fault, Problem};

impl From<StockError> for Problem {
    fn from(error: StockError) -> Self {
        match error {
            StockError::Forbidden(forbidden) => forbidden.into(),
            StockError::NotFound => Self::new(Code::NotFound),
            StockError::Stale => Self::new(Code::Stale),
            StockError::Unexpected(available) => Self::new(Code::StockChanged)
                .detail(error.to_string())
                .with("available", available.units()),
            StockError::Insufficient {
                product_id,
                requested,
                available,
            } => {
                let available = available.units();
                let detail = format!("{requested} to be taken away, {available} available");
                Self::new(Code::InsufficientStock)
                    .detail("Take away at most `available`. Nothing was moved.")
                    .faults(vec![
                        Fault::at("/delta", Code::InsufficientStock.as_str(), detail)
                            .with("product_id", product_id.to_string())
                            .with("requested", requested)
                            .with("available", available),
                    ])
            }
            StockError::KeyReused(_) => Self::new(Code::IdempotencyKeyReused),
            StockError::Storage(error) => error.into(),
        }
    }
}
