//! Units of work: rows are locked and read when one is opened, a plan is made of them, and the
//! plan is committed or the unit abandoned. One that is dropped without either MUST leave neither
//! a lock nor an open transaction.

use async_trait::async_trait;
use thiserror::Error;

use crate::StorageError;

/// A unit of work under way.
pub struct Opened<S, P> {
    /// What was locked and read: a plan is made of it.
    pub state: S,
    /// The transaction that holds the locks.
    pub unit: Box<dyn UnitOfWork<P>>,
}

/// A transaction that is to write a plan of one kind.
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
    /// `Outdated` when the data had changed under the plan; `Storage` when storage fails. Nothing
    /// is written then, unless the connection broke while the commit was under way.
    async fn commit(self: Box<Self>, plan: &P) -> Result<(), CommitError>;

    /// Gives up the locks without having written anything.
    ///
    /// # Errors
    ///
    /// When storage fails. Nothing was written in any case.
    async fn abandon(self: Box<Self>) -> Result<(), StorageError>;
}

/// Why a plan was not committed.
#[derive(Debug, Error)]
pub enum CommitError {
    /// A row that the plan refers to went away since the state was read, for one. Deciding again
    /// may help; when it does not, this is the failure.
    #[error("the data changed under the plan")]
    Outdated(#[source] StorageError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<CommitError> for StorageError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Outdated(error) | CommitError::Storage(error) => error,
        }
    }
}
