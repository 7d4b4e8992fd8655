//! The problems of the catalogue.

use domain::catalog::{CatalogError, ImportError, WriteImportError};

use super::{Code, Problem};
use crate::bulk::ImportFailed;

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

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Forbidden(forbidden) => forbidden.into(),
            ImportError::KeyReused(_) => Self::new(Code::IdempotencyKeyReused),
            ImportError::Write(WriteImportError::KeyInUse) => Self::new(Code::KeyInUse),
            ImportError::Write(WriteImportError::Storage(error)) => error.into(),
        }
    }
}

impl From<ImportFailed> for Problem {
    fn from(failed: ImportFailed) -> Self {
        match failed {
            ImportFailed::Unreadable(error) => Self::new(Code::Invalid).detail(error.to_string()),
            ImportFailed::Source(problem) => problem,
            ImportFailed::Import(error) => error.into(),
        }
    }
}
