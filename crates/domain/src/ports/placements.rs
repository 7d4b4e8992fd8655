//! Placing orders: the narrow unit of work of the desk.

use async_trait::async_trait;
use thiserror::Error;

use crate::{
    ProductId, StorageError,
    placement::{Plan, Scope, State},
};

/// Where orders are placed.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PlacementStore: Send + Sync {
    /// Begins a transaction, locks the stock of `scope.products`, and then reads what is to be
    /// decided on. What does not exist is missing from the state; products whose stock somebody
    /// else goes on holding are its `held` ones, and MUST NOT keep the others waiting.
    ///
    /// Nobody else MUST be able to change the stock of the products that are offered until the
    /// unit is committed, abandoned or dropped. Two that wait MUST NOT wait for each other.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is locked then.
    async fn open(&self, scope: &Scope, wait: LockWait) -> Result<OpenPlacement, StorageError>;

    /// Reads what a decision about `scope` would be made on, without a lock or a transaction: it
    /// may have changed already. Nothing is held.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn peek(&self, scope: &Scope) -> Result<State, StorageError>;
}

/// Whom to wait for when somebody else holds the stock of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockWait {
    /// Everybody, for a moment: some tens of milliseconds, in which a placement ends.
    Briefly,
    /// Whoever holds this product, in line with the others who want it, for some hundreds of
    /// milliseconds; nobody else.
    InLineFor(ProductId),
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
    /// A row that an order refers to went away since the state was read, for one. Deciding again
    /// may help; when it does not, this is the failure.
    #[error("the data changed under the plan")]
    Rejected(#[source] StorageError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
