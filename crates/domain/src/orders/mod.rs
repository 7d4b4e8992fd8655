//! Orders: placing them, finding them, and taking them through their transitions.

mod desk;
mod idempotency;
mod order;
pub mod placement;
mod ports;
mod service;
mod status;
mod transition;

pub use desk::{Desk, DeskError, DeskSettings, DeskTask};
pub use idempotency::{Fingerprint, IdempotencyKey, ScopedKey};
pub use order::{NewOrder, Order, OrderId, OrderItem, OrderItemId, OrderLine};
pub use ports::{IdempotencyKeys, LockWait, OrderRepository, PlacementStore, TransitionStore};
pub use service::{OrderError, OrderRequest, OrderService, PlacedOrder};
pub use status::OrderStatus;
pub use transition::{Transition, TransitionLocks, TransitionRefused};

#[cfg(test)]
pub(crate) use ports::{
    MockIdempotencyKeys, MockOrderRepository, MockPlacementStore, MockTransitionStore,
};
