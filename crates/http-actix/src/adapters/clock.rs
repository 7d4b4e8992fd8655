//! The clock port, from the operating system.

use domain::Clock;
use time::OffsetDateTime;

/// The system's clock, to the microsecond.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter that the port is for"
    )]
    fn now(&self) -> OffsetDateTime {
        let now = OffsetDateTime::now_utc();
        now.replace_microsecond(now.microsecond()).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_has_no_digits_that_postgresql_would_lose() {
        assert_eq!(SystemClock.now().nanosecond() % 1_000, 0);
    }
}
