//! The time.

use time::OffsetDateTime;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in UTC, to the microsecond: what storage can keep without losing digits.
    fn now(&self) -> OffsetDateTime;
}
