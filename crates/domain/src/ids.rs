//! New ids.

use uuid::Uuid;

/// Makes ids.
pub trait IdSource: Send + Sync {
    /// A new UUID of version 7 (RFC 9562, section 5.7), greater than those that this source made before.
    fn next_id(&self) -> Uuid;
}
