//! The time to live of entries.

use std::time::Duration;

/// By how much longer something lasts than the entries for which it is made: one of them may just be under way
/// to Redis.
pub(crate) const MARGIN: Duration = Duration::from_secs(5);

/// The longest time that [`jittered`] returns for `ttl`.
pub(crate) fn longest(ttl: Duration) -> Duration {
    ttl.mul_f64(1.1)
}

/// `ttl` ±10 %.
pub(crate) fn jittered(ttl: Duration) -> Duration {
    ttl.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// A time to live, as Redis takes it.
pub(crate) fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spread_over_a_tenth_to_either_side() {
        let ttl = Duration::from_secs(100);
        let times: Vec<_> = (0..1_000).map(|_| jittered(ttl)).collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*least >= Duration::from_secs(90) && *least < Duration::from_secs(92));
        assert!(*most > Duration::from_secs(108) && *most <= longest(ttl));
    }
}
