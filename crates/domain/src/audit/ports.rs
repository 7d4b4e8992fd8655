//! The port of the audit log. It is written by those that store what is done.

use async_trait::async_trait;

use super::{AuditEntry, AuditFilter};
use crate::{
    StorageError,
    values::{Page, PageRequest},
};

/// Reads the audit log.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// A page of the entries that the filter describes, the latest first.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn page(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StorageError>;
}
