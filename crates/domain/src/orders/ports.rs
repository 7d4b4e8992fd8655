//! The ports of orders.

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};

use super::{
    History, HistoryEntry, Order, OrderId, OrderSort, OrdersFilter, Transition, TransitionLocks,
    placement::{Plan, Scope, State},
};
use crate::{
    StorageError,
    bulk::Export,
    catalog::ProductId,
    customers::CustomerId,
    identity::Principal,
    unit_of_work::Opened,
    values::{Freshness, Page, PageRequest, Sort},
};

/// Reads orders.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait OrderRepository: Send + Sync {
    /// The order with this id and all its items, read at one moment.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn find(&self, id: OrderId) -> Result<Option<Order>, StorageError>;

    /// A page of the orders that the filter describes.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn page(
        &self,
        filter: &OrdersFilter,
        sort: Sort<OrderSort>,
        page: &PageRequest,
    ) -> Result<Page<Order>, StorageError>;

    /// The orders that the filter describes, as of one moment, in the
    /// sequence of their ids.
    fn export(&self, filter: OrdersFilter, freshness: Freshness) -> Export<Order>;

    /// The histories of all orders of this customer, as of one moment, order by order.
    fn histories(&self, customer_id: CustomerId) -> Export<(OrderId, HistoryEntry)>;

    /// The history of the order with this id.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn history(&self, id: OrderId) -> Result<Option<History>, StorageError>;
}

/// Where orders are kept month by month, which is the operator's choice.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait OrderMonths: Send + Sync {
    /// Makes room for the orders of all months until this moment, and returns for how many of them there was
    /// none. Orders that are not kept like this need no room.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn extend(&self, until: OffsetDateTime) -> Result<u64, StorageError>;
}

/// Learns how long orders wait at the desk.
pub trait DeskObserver: Send + Sync {
    /// An order has waited for this long until the batch began in which it is decided, or until it was refused
    /// because that was too long.
    fn waited(&self, queue: DeskQueue, wait: Duration);
}

/// Where orders wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeskQueue {
    /// The one that all come to.
    Orders,
    /// Those of products that another transaction keeps locked.
    Lanes,
}

/// Opens the units of work that place orders.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait PlacementStore: Send + Sync {
    /// Begins a transaction, locks the stock of `scope.products`, and then reads what the decision
    /// needs. Rows that do not exist are missing from the state. Products whose stock another
    /// transaction keeps locked are in `held`, and MUST NOT delay the others.
    ///
    /// Other transactions MUST NOT be able to change the stock of the offered products until the
    /// unit is committed, abandoned or dropped. Two transactions MUST NOT wait for each other.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is locked.
    async fn open(
        &self,
        scope: &Scope,
        wait: LockWait,
    ) -> Result<Opened<State, Plan>, StorageError>;

    /// Reads the state for a decision about `scope`, without a lock or a transaction: it may be
    /// outdated already. No product is in `held`.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn peek(&self, scope: &Scope) -> Result<State, StorageError>;
}

/// How to wait for stock that another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockWait {
    /// For every lock, but briefly: some tens of milliseconds, in which a placement ends.
    Briefly,
    /// For the lock of this product alone, in line with the other transactions that want it, for
    /// some hundreds of milliseconds.
    InLineFor(ProductId),
}

/// Opens the units of work that take orders through their transitions.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait TransitionStore: Send + Sync {
    /// Begins a transaction and locks the order with this id, and the stock of its products if
    /// `locks` asks for that. `None` when there is no such order, and for a customer who was erased:
    /// nothing is locked. An erasure MUST wait for the unit, or the unit for the erasure.
    ///
    /// Other transactions MUST NOT be able to open the same order, or to change the stock that was
    /// locked with it, until the unit is committed, abandoned or dropped. A call that waits for a
    /// lock MUST NOT delay calls that do not need it.
    ///
    /// # Errors
    ///
    /// When storage fails: nothing is locked.
    async fn open(
        &self,
        id: OrderId,
        locks: TransitionLocks,
        by: Principal,
    ) -> Result<Option<Opened<Order, Transition>>, StorageError>;
}

/// Removes expired idempotency keys, of orders, creations and imports. They are written and read
/// with what they stand for.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait IdempotencyKeys: Send + Sync {
    /// Removes at most `limit` keys of each kind that are older than `moment`, oldest first, and
    /// returns how many there were.
    ///
    /// # Errors
    ///
    /// When storage fails.
    async fn remove_before(&self, moment: OffsetDateTime, limit: u32) -> Result<u64, StorageError>;
}
