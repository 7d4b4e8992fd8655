//! What can go wrong with storage, whatever the storage is.

use std::{error::Error, sync::Arc};

use thiserror::Error;

/// The cause of a [`StorageError`], kept for the log. Shared, because one failed load may be the
/// answer to many callers.
type Source = Arc<dyn Error + Send + Sync>;

/// Storage did not do what it was asked to do. No variant tells a caller of the API how storage
/// works; the source is for the log.
#[derive(Debug, Clone, Error)]
pub enum StorageError {
    /// Storage cannot be reached, or cannot answer now. A later try may succeed.
    #[error("storage is unavailable")]
    Unavailable(#[source] Source),
    /// Storage answered with something that no entity can be made of.
    #[error("storage holds a value that breaks a rule")]
    Corrupt(#[source] Source),
    /// Storage refused what should have been right: a bug.
    #[error("storage refused the request")]
    Internal(#[source] Source),
}

impl StorageError {
    /// Storage cannot answer now, because of `source`.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into().into())
    }

    /// Storage holds what it should not, as `source` says.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Corrupt(source.into().into())
    }

    /// Storage refused what should have been right, because of `source`.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(source.into().into())
    }
}
