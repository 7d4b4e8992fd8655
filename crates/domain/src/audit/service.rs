//! The use case of the audit log.

use std::sync::Arc;

use thiserror::Error;

use super::{AuditEntry, AuditFilter, AuditLog};
use crate::{
    StorageError,
    identity::{Caller, Forbidden, Permission},
    values::{Page, PageRequest},
};

/// Shows the audit log to administrators.
pub struct AuditService(Arc<dyn AuditLog>);

/// Why the audit log was not shown.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AuditService {
    /// Reads this log.
    #[must_use]
    pub fn new(log: Arc<dyn AuditLog>) -> Self {
        Self(log)
    }

    /// A page of the entries that the filter describes, the latest first.
    ///
    /// # Errors
    ///
    /// `Forbidden`, or `Storage`.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, AuditError> {
        caller.must_have(Permission::AuditRead)?;
        Ok(self.0.page(filter, page).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ports::MockAuditLog, *};
    use crate::{
        fixtures::caller,
        identity::Principal,
        values::{Freshness, Limit},
    };

    #[tokio::test]
    async fn only_administrators_see_it() {
        let mut log = MockAuditLog::new();
        log.expect_page()
            .times(1)
            .returning(|_, _| Ok(Page::empty()));
        let service = AuditService::new(Arc::new(log));
        let page = PageRequest {
            limit: Limit::TWENTY,
            after: None,
            freshness: Freshness::Latest,
        };
        let filter = AuditFilter::default();
        let (staff, admin) = (caller(Principal::Staff), caller(Principal::Admin));
        let refused = service.list(&staff, &filter, &page).await;
        assert!(matches!(refused, Err(AuditError::Forbidden(_))));
        assert!(service.list(&admin, &filter, &page).await.is_ok());
    }
}
