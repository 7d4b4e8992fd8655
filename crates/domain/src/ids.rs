//! The port for new ids.

use uuid::Uuid;

/// The source of new ids.
pub trait IdSource: Send + Sync {
    /// A new UUID of version 7 (RFC 9562, section 5.7), greater than every id that this source made
    /// before.
    fn next_id(&self) -> Uuid;
}
