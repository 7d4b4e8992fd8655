//! What the driver says, in the domain's words: by SQLSTATE and by the constraint's name
//! (PostgreSQL manual, appendix A).

use std::error::Error as _;

use deadpool_postgres::PoolError;
use domain::StorageError;
use tokio_postgres::{
    Error, Row,
    error::SqlState,
    types::{FromSql, WrongType},
};

/// No two customers share an address.
pub(crate) const CUSTOMERS_EMAIL_KEY: &str = "customers_email_key";
/// No two accounts share an address.
pub(crate) const USERS_EMAIL_KEY: &str = "users_email_key";
/// No account has two requests under one key.
pub(crate) const IDEMPOTENCY_KEYS_PKEY: &str = "idempotency_keys_pkey";

/// The constraints whose violation means something to a caller. A test checks that the schema
/// has each of them under this name.
pub const MAPPED_CONSTRAINTS: [&str; 3] =
    [CUSTOMERS_EMAIL_KEY, USERS_EMAIL_KEY, IDEMPOTENCY_KEYS_PKEY];

/// The domain's word for a failed statement.
pub(crate) fn storage(error: Error) -> StorageError {
    if is_passing(&error) {
        StorageError::unavailable(error)
    } else {
        StorageError::internal(error)
    }
}

/// The domain's word for a connection that was not to be had.
pub(crate) fn from_pool(error: PoolError) -> StorageError {
    StorageError::unavailable(error)
}

/// Whether a unique constraint of this name was violated.
pub(crate) fn violates(error: &Error, constraint: &str) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::UNIQUE_VIOLATION && db.constraint() == Some(constraint)
    })
}

/// Whether somebody else holds a lock that was not waited for any longer.
pub(crate) fn is_lock_not_available(error: &Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Whether a table has changed since the statement was prepared ("cached plan must not change
/// result type"): prepared anew it runs.
pub(crate) fn is_stale_statement(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::FEATURE_NOT_SUPPORTED
            && db.routine() == Some("RevalidateCachedQuery")
    })
}

/// Whether the data had changed under a plan: what it refers to went away or is held by somebody
/// else, its key was taken, or another transaction came first. Deciding again on fresh data may
/// help.
pub(crate) fn is_outdated(error: &Error) -> bool {
    let outdated = [
        SqlState::FOREIGN_KEY_VIOLATION,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
    ];
    error.code().is_some_and(|code| outdated.contains(code))
        || violates(error, IDEMPOTENCY_KEYS_PKEY)
}

/// Whether a later try may succeed without anybody mending anything. What the server did not
/// answer to is among it: nobody knows what became of the statement then.
fn is_passing(error: &Error) -> bool {
    let Some(code) = error.code() else {
        let is_bug = |source: &(dyn std::error::Error + 'static)| source.is::<WrongType>();
        return !error.source().is_some_and(is_bug);
    };
    let passing = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    // Connection exception, insufficient resources, operator intervention.
    let passing_classes = ["08", "53", "57"];
    passing.contains(code) || passing_classes.iter().any(|c| code.code().starts_with(c))
}

/// Reads a column that must be there and of this type.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, StorageError> {
    row.try_get(name).map_err(StorageError::corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_did_not_answer_to_is_not_taken_for_refused() {
        // An error of the driver without a SQLSTATE.
        let error = "host".parse::<tokio_postgres::Config>().unwrap_err();
        assert!(error.code().is_none());
        assert!(matches!(storage(error), StorageError::Unavailable(_)));
    }
}
