//! Errors of storage, whatever the storage is.

use std::{error::Error, sync::Arc};

use thiserror::Error;

/// The cause of a [`StorageError`], kept for the log. Shared, because one failed load may be the
/// answer to many callers.
type Source = Arc<dyn Error + Send + Sync>;

/// Why a storage operation failed. No variant shows a caller of the API how storage works; the
/// source is for the log.
#[derive(Debug, Clone, Error)]
pub enum StorageError {
    /// Storage cannot be reached, or cannot answer now. A later attempt may succeed.
    #[error("storage is unavailable")]
    Unavailable(#[source] Source),
    /// A stored value breaks a rule of its entity.
    #[error("storage holds a value that breaks a rule")]
    Corrupt(#[source] Source),
    /// Storage refused a valid request: a bug.
    #[error("storage refused the request")]
    Internal(#[source] Source),
}

impl StorageError {
    /// An [`Self::Unavailable`] with this source.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into().into())
    }

    /// A [`Self::Corrupt`] with this source.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Corrupt(source.into().into())
    }

    /// An [`Self::Internal`] with this source.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(source.into().into())
    }
}
