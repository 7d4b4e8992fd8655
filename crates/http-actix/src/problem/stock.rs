//! The problems of stock.

use domain::stock::StockError;

use super::{Code, Problem};

impl From<StockError> for Problem {
    fn from(error: StockError) -> Self {
        match error {
            StockError::Forbidden(forbidden) => forbidden.into(),
            StockError::NotFound => Self::new(Code::NotFound),
            StockError::Storage(error) => error.into(),
        }
    }
}
