//! Leases.

use std::{num::NonZeroU64, time::Duration};

use domain::cache::Lease;

/// For how long a lease is good: what takes longer to read is not kept.
pub(crate) const TTL: Duration = Duration::from_secs(5);

/// With a sign it fits an `i64`.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// A lease with a number that no other has: one of 2^63, for a key and for a moment.
pub(crate) fn new() -> Lease {
    let number = fastrand::u64(1..=LARGEST);
    NonZeroU64::new(number).map_or(Lease::NONE, Lease::new)
}
