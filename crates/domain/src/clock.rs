//! The clock port.

use time::OffsetDateTime;

/// The source of the current time.
pub trait Clock: Send + Sync {
    /// The current time in UTC, to the microsecond, which is the precision of storage.
    fn now(&self) -> OffsetDateTime;
}
