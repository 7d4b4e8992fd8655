//! Placing orders: the narrow unit of work of the desk.

use async_trait::async_trait;
use thiserror::Error;

use crate::{
    StorageError,
    placement::{Plan, Scope, State},
};

/// Where orders are placed.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PlacementStore: Send + Sync {
    /// Begins a transaction, locks the stock of `scope.products` in the sequence given, and
    /// then reads what is to be decided on. What does not exist is missing from the state.
    ///
    /// Nobody else MUST be able to change the stock of these products until the unit is
    /// committed, abandoned or dropped.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is locked then.
    async fn open(&self, scope: &Scope) -> Result<OpenPlacement, StorageError>;
}

/// A placement under way: the locked state, and the unit of work that holds the locks.
pub struct OpenPlacement {
    /// What to decide on.
    pub state: State,
    /// What to commit the decision to.
    pub unit: Box<dyn Placement>,
}

/// The transaction of one batch.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Placement: Send {
    /// Writes every accepted order of the plan with its items, takes their units from stock, and
    /// commits: all of it or nothing.
    ///
    /// # Errors
    ///
    /// `Rejected` when the data had changed under the plan; `Storage` when storage fails. Nothing
    /// is placed then, unless the connection broke while the commit was under way.
    async fn commit(self: Box<Self>, plan: &Plan) -> Result<(), CommitError>;

    /// Gives up the locks without having written anything.
    ///
    /// # Errors
    ///
    /// When storage fails. Nothing was written in any case.
    async fn abandon(self: Box<Self>) -> Result<(), StorageError>;
}

/// Why a batch was not committed.
#[derive(Debug, Error)]
pub enum CommitError {
    /// A row that an order refers to went away since the state was read, for one.
    #[error("the data changed under the plan")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
