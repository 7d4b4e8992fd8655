//! Units of work: opening one locks and reads rows, a plan is made from them, and the plan is
//! committed or the unit abandoned. A unit that is dropped without either MUST leave no lock and no
//! open transaction.

use async_trait::async_trait;
use thiserror::Error;

use crate::StorageError;

/// An open unit of work.
pub struct Opened<S, P> {
    /// The rows that were locked and read, from which the plan is made.
    pub state: S,
    /// The transaction that holds the locks.
    pub unit: Box<dyn UnitOfWork<P>>,
}

/// An open transaction that can write a plan of one kind.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait UnitOfWork<P>: Send
where
    P: Send + Sync + 'static,
{
    /// Writes the plan and commits: all of it or nothing.
    ///
    /// # Errors
    ///
    /// `Outdated` when the data changed under the plan; `Taken` when the plan gives away what must
    /// be unique; `Storage` when storage fails. Nothing is written then, unless the connection
    /// broke during the commit.
    async fn commit(self: Box<Self>, plan: &P) -> Result<(), CommitError>;

    /// Releases the locks without writing anything.
    ///
    /// # Errors
    ///
    /// When storage fails. Nothing was written in any case.
    async fn abandon(self: Box<Self>) -> Result<(), StorageError>;
}

/// Why a plan was not committed.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The data changed after the state was read; for example, a row that the plan refers to was
    /// deleted. Deciding again may help; when it does not, the source is the failure.
    #[error("the data changed under the plan")]
    Outdated(#[source] StorageError),
    /// The plan gives an entity a value that another one has, and that must be unique; or it uses a
    /// key that another request has used.
    #[error("the value belongs to another entity")]
    Taken(#[source] StorageError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<CommitError> for StorageError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Outdated(error)
            | CommitError::Taken(error)
            | CommitError::Storage(error) => error,
        }
    }
}
