//! What orders ask of the outside.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{
    Order, OrderId, Transition, TransitionLocks,
    placement::{Plan, Scope, State},
};
use crate::{StorageError, catalog::ProductId, unit_of_work::Opened};

/// Finds orders.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait OrderRepository: Send + Sync {
    /// The order with this id, whole: its items are those of one moment.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: OrderId) -> Result<Option<Order>, StorageError>;
}

/// Where orders are placed.
#[cfg_attr(test, mockall::automock)]
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
    async fn open(
        &self,
        scope: &Scope,
        wait: LockWait,
    ) -> Result<Opened<State, Plan>, StorageError>;

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

/// Where orders go through their life.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait TransitionStore: Send + Sync {
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
        locks: TransitionLocks,
    ) -> Result<Option<Opened<Order, Transition>>, StorageError>;
}

/// The keys of requests that may be repeated, after their time. They are written and read with
/// the placements that they stand for.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait IdempotencyKeys: Send + Sync {
    /// Removes keys that are older than `moment`, the oldest first and at most `limit` of them,
    /// and says how many there were.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn remove_before(&self, moment: OffsetDateTime, limit: u32) -> Result<u64, StorageError>;
}
