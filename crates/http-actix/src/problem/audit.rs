//! The problems of the audit log.

use domain::audit::AuditError;

use super::Problem;

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Forbidden(forbidden) => forbidden.into(),
            AuditError::Storage(error) => error.into(),
        }
    }
}
