//! The problems of the catalogue.

use domain::catalog::CatalogError;

use super::{Code, Problem};

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Forbidden(forbidden) => forbidden.into(),
            CatalogError::SkuTaken => Self::new(Code::SkuTaken),
            CatalogError::KeyReused(_) => Self::new(Code::IdempotencyKeyReused),
            CatalogError::Stale => Self::new(Code::Stale),
            CatalogError::NotFound => Self::new(Code::NotFound),
            CatalogError::Busy => Self::new(Code::Unavailable)
                .detail("too many reports are being made: this one was not begun"),
            CatalogError::Storage(error) => error.into(),
        }
    }
}
