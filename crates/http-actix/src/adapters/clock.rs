//! The ports of time, from the operating system.

use std::time::Duration;

use domain::{Clock, Timer};
use futures_util::{FutureExt as _, future::BoxFuture};
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

impl Timer for SystemClock {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
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
