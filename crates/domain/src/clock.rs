//! The ports of time.

use std::time::Duration;

use futures_util::future::BoxFuture;
use time::OffsetDateTime;

/// The source of the current time.
pub trait Clock: Send + Sync {
    /// The current time in UTC, to the microsecond, which is the precision of storage.
    fn now(&self) -> OffsetDateTime;
}

/// A clock that can be waited by.
pub trait Timer: Clock {
    /// Ends after this time, or a little later.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
