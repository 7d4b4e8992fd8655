//! Orders: placing them, finding them, and taking them through their transitions.

mod desk;
mod history;
mod list;
mod order;
pub mod placement;
mod ports;
mod service;
mod status;
mod transition;

pub use desk::{Desk, DeskError, DeskQueued, DeskSettings, DeskTask};
pub use history::{History, HistoryEntry};
pub use list::{OrderSort, OrdersFilter};

pub use order::{NewOrder, Order, OrderId, OrderItem, OrderItemId, OrderLine};
pub use ports::{
    DeskObserver, DeskQueue, IdempotencyKeys, LockWait, OrderMonths, OrderRepository,
    PlacementStore, TransitionStore,
};
pub use service::{OrderError, OrderRequest, OrderService};
pub use status::OrderStatus;
pub use transition::{Transition, TransitionLocks, TransitionRefused, TransitionRequest};

#[cfg(test)]
pub(crate) use ports::{
    MockIdempotencyKeys, MockOrderMonths, MockOrderRepository, MockPlacementStore,
    MockTransitionStore,
};
