//! The port for new ids: UUIDs of version 7 (RFC 9562, section 5.7), which sort by the time they
//! were made.

use domain::IdSource;
use uuid::Uuid;

/// A source of ids, each greater than the one before in this process.
pub struct UuidV7Source;

impl IdSource for UuidV7Source {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter that the port is for"
    )]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_seven_and_ascend() {
        let ids: Vec<_> = (0..1_000).map(|_| UuidV7Source.next_id()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(ids.is_sorted_by(|a, b| a < b));
    }
}
