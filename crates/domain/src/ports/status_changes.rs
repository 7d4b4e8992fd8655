//! Moving an order through its life: the narrow unit of work of a change of status.

use async_trait::async_trait;

use crate::{MoveLocks, Order, OrderId, StatusChange, StorageError};

/// Where orders change their status.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StatusChangeStore: Send + Sync {
    /// Begins a transaction and locks the order with this id, and the stock of its products if
    /// that is asked for. Without such an order nothing is locked.
    ///
    /// Nobody else MUST be able to open the same order, or to change the stock that was locked
    /// with it, until the unit is committed, abandoned or dropped. Who waits for a lock MUST NOT
    /// keep those waiting who need it not.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is locked then.
    async fn open(
        &self,
        id: OrderId,
        locks: MoveLocks,
    ) -> Result<Option<OpenStatusChange>, StorageError>;
}

/// A change under way: the locked order, and the unit of work that holds the lock.
pub struct OpenStatusChange {
    /// The order as it is now.
    pub order: Order,
    /// What to commit the decision to.
    pub unit: Box<dyn StatusChangeUnit>,
}

/// The transaction of one change of status.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StatusChangeUnit: Send {
    /// Writes the order's new status and version, puts what is returned back into stock, and
    /// commits: all of it or nothing.
    ///
    /// # Errors
    ///
    /// When storage fails. Nothing is changed then, unless the connection broke while the commit
    /// was under way.
    async fn commit(self: Box<Self>, change: &StatusChange) -> Result<(), StorageError>;

    /// Gives up the lock without having written anything.
    ///
    /// # Errors
    ///
    /// When storage fails. Nothing was written in any case.
    async fn abandon(self: Box<Self>) -> Result<(), StorageError>;
}
