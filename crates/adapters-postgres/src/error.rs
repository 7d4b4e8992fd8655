//! Maps driver errors to domain errors, by SQLSTATE and by the constraint's name (PostgreSQL
//! manual, appendix A).

use std::{error::Error as _, io, sync::Arc};

use deadpool_postgres::{HookError, PoolError};
use domain::StorageError;
use tokio::time::error::Elapsed;
use tokio_postgres::{
    Error, Row,
    error::SqlState,
    types::{FromSql, WrongType},
};

/// Two customers cannot share an address.
pub(crate) const CUSTOMERS_EMAIL_KEY: &str = "customers_email_key";
/// Two accounts cannot share an address.
pub(crate) const USERS_EMAIL_KEY: &str = "users_email_key";
/// An account cannot use one key for two requests.
pub(crate) const IDEMPOTENCY_KEYS_PKEY: &str = "idempotency_keys_pkey";
/// An account cannot use one key for two customers or two products.
pub(crate) const CREATION_KEYS_PKEY: &str = "creation_keys_pkey";
/// Two products that are sold cannot share a number.
pub(crate) const PRODUCTS_SKU_KEY: &str = "products_sku_key";
/// An account cannot use one key for two imports.
pub(crate) const IMPORT_KEYS_PKEY: &str = "import_keys_pkey";

/// The constraints whose violation means something to a caller. A test checks that the schema
/// has each of them under this name.
pub const MAPPED_CONSTRAINTS: [&str; 6] = [
    CUSTOMERS_EMAIL_KEY,
    USERS_EMAIL_KEY,
    IDEMPOTENCY_KEYS_PKEY,
    CREATION_KEYS_PKEY,
    PRODUCTS_SKU_KEY,
    IMPORT_KEYS_PKEY,
];

/// The domain's error for a failed statement.
pub(crate) fn storage(error: Error) -> StorageError {
    if is_passing(&error) {
        StorageError::unavailable(error)
    } else {
        StorageError::internal(error)
    }
}

/// The domain's error for a connection that could not be obtained.
pub(crate) fn from_pool(error: PoolError) -> StorageError {
    StorageError::unavailable(error)
}

/// Whether it failed because no PostgreSQL is there, or one that is about to be or to go; not because it, or whoever
/// is in its place, refuses.
pub(crate) fn is_away(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|error| {
        let is_late = matches!(
            error.downcast_ref(),
            // A pooler without a session for the greeting.
            Some(PoolError::Timeout(_) | PoolError::PostCreateHook(HookError::Message(_)))
        );
        // Over a connection, or while one was waited for.
        let is_silent = error.is::<Elapsed>();
        is_late || is_silent || error.downcast_ref().is_some_and(is_gone)
    })
}

/// An error, and what led to it.
pub(crate) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source().map(shared))
}

/// An error that is shared is an error of its own, and not what it shares.
fn shared<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    match error.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>() {
        Some(shared) => &**shared,
        None => error,
    }
}

fn is_gone(error: &Error) -> bool {
    if let Some(code) = error.code() {
        let passing = [
            SqlState::CONNECTION_EXCEPTION,
            SqlState::CONNECTION_FAILURE,
            SqlState::CONNECTION_DOES_NOT_EXIST,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
        ];
        return passing.contains(code);
    }
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    // Certificates that do not suit are one, too.
    let is_refused = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
    error.is_closed() || io.is_some_and(|io| !is_refused.contains(&io.kind()))
}

/// Whether nothing can be written there.
pub(crate) fn is_read_only(error: &Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// Why a transaction was not committed, as far as is known.
pub(crate) enum TransactionError {
    /// It failed.
    Failed(Error),
    /// Its commit does not end: nobody knows what becomes of it.
    Undecided,
    /// There was no connection for it.
    Unreached(StorageError),
}

impl From<StorageError> for TransactionError {
    fn from(error: StorageError) -> Self {
        Self::Unreached(error)
    }
}

impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<TransactionError> for StorageError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Failed(error) => storage(error),
            TransactionError::Undecided => Self::unavailable("the commit does not end"),
            TransactionError::Unreached(error) => error,
        }
    }
}

/// Whether a unique constraint of this name was violated.
pub(crate) fn violates(error: &Error, constraint: &str) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::UNIQUE_VIOLATION
            && db.constraint().is_some_and(|name| is_of(name, constraint))
    })
}

/// Whether this is the name of a constraint, or of that of a shard (`users_email_key_102015`: Citus
/// manual, "Citus Tables and Views").
fn is_of(name: &str, constraint: &str) -> bool {
    let is_shard = |number: &str| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    name.strip_prefix(constraint)
        .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('_').is_some_and(is_shard))
}

/// Whether another transaction held a lock for too long.
pub(crate) fn is_lock_not_available(error: &Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Whether a statement was cancelled because it took too long, or nobody waited for it any more.
pub(crate) fn is_statement_timeout(error: &StorageError) -> bool {
    let StorageError::Unavailable(source) = error else {
        return false;
    };
    let error = source.downcast_ref::<Error>();
    error.is_some_and(|error| error.code() == Some(&SqlState::QUERY_CANCELED))
}

/// Whether a table has changed since the statement was prepared ("cached plan must not change
/// result type"): prepared again, the statement runs.
pub(crate) fn is_stale_statement(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::FEATURE_NOT_SUPPORTED
            && db.routine() == Some("RevalidateCachedQuery")
    })
}

/// Whether a statement was not run because another one of its transaction had failed.
pub(crate) fn is_aborted(error: &Error) -> bool {
    error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
}

/// Whether the data changed under a plan: a row was deleted or is locked by another transaction, a
/// key was taken, or another transaction came first. Deciding again on fresh data may help.
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

/// Whether a value that must be unique belongs to another entity.
pub(crate) fn is_taken(error: &Error) -> bool {
    [
        CREATION_KEYS_PKEY,
        CUSTOMERS_EMAIL_KEY,
        USERS_EMAIL_KEY,
        PRODUCTS_SKU_KEY,
    ]
    .iter()
    .any(|constraint| violates(error, constraint))
}

/// Whether a later attempt may succeed without a correction. This includes statements that the
/// server did not answer, whose outcome is unknown.
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
    // Connection exception, insufficient resources, operator intervention; and a pooler's way to say that it is refused:
    // by authorization, or for there is no such database.
    let passing_classes = ["08", "53", "57", "28", "3D"];
    passing.contains(code) || passing_classes.iter().any(|c| code.code().starts_with(c))
}

/// Reads a column that must be there and of this type.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, StorageError> {
    row.try_get(name).map_err(StorageError::corrupt)
}

#[cfg(test)]
mod tests {
    use deadpool_postgres::TimeoutType;

    use super::*;

    #[tokio::test]
    async fn a_server_that_does_not_answer_in_time_is_away_and_one_that_refuses_is_not() {
        let late = tokio::time::timeout(std::time::Duration::ZERO, std::future::pending::<()>());
        let late = late.await.expect_err("it never ends");
        assert!(is_away(&StorageError::unavailable(late)));
        let waited = PoolError::Timeout(TimeoutType::Create);
        assert!(is_away(&from_pool(waited)));
        assert!(!is_away(&StorageError::unavailable("refused")));
    }

    #[test]
    fn a_constraint_of_a_shard_is_that_of_the_table() {
        for (name, is_that) in [
            ("users_email_key", true),
            ("users_email_key_102015", true),
            ("users_email_key_2_old", false),
            ("users_email_key_", false),
            ("users_email_keys", false),
            ("customers_email_key_102015", false),
        ] {
            assert_eq!(is_of(name, USERS_EMAIL_KEY), is_that, "{name}");
        }
    }

    #[test]
    fn what_the_server_did_not_answer_to_is_not_taken_for_refused() {
        // A driver error without a SQLSTATE.
        let error = "host".parse::<tokio_postgres::Config>().unwrap_err();
        assert!(error.code().is_none());
        assert!(matches!(storage(error), StorageError::Unavailable(_)));
    }
}
