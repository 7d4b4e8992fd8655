//! A sliding window of a minute, made of two fixed ones.

use time::{Duration, OffsetDateTime};

/// The period over which everything is counted.
pub const WINDOW: Duration = Duration::MINUTE;

/// The number of a window: minutes since the Unix epoch, so that replicas mean the same one.
pub type WindowNumber = i64;

/// The number of the window that this moment is in, and how much of it is left.
#[must_use]
pub fn window(now: OffsetDateTime) -> (WindowNumber, Duration) {
    let number = now.unix_timestamp().div_euclid(WINDOW.whole_seconds());
    let began = OffsetDateTime::UNIX_EPOCH + Duration::seconds(number * WINDOW.whole_seconds());
    (number, WINDOW - (now - began))
}

/// How long one more has to wait, if at all. What was counted in the previous window counts in
/// proportion to the part of it that lies within the last minute: `left`, which is also what is left of
/// the current one.
pub(crate) fn wait(before: u32, current: u32, most: u32, left: Duration) -> Option<Duration> {
    let room = |before_counts: u32, current: u32| {
        let others = most.checked_sub(current.checked_add(1)?)?;
        // `before` times what is left must be at most `others` times the window.
        Some(match before_counts {
            0 => WINDOW,
            before => WINDOW * others / before,
        })
    };
    match room(before, current) {
        Some(room) if left <= room => None,
        Some(room) => Some(left - room),
        // Not in this window. In the next one, what was counted in this window is what was counted in
        // the previous one.
        None => room(current, 0).map(|room| left + WINDOW - room.min(WINDOW)),
    }
}

/// How many more there may be at this moment.
pub(super) fn remaining(before: u32, current: u32, most: u32, left: Duration) -> u32 {
    let window = WINDOW.whole_nanoseconds();
    let before = (i128::from(before) * left.whole_nanoseconds() + window - 1) / window;
    let others = u32::try_from(i128::from(current) + before).unwrap_or(u32::MAX);
    most.saturating_sub(others)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_window_is_a_minute_and_begins_with_one() {
        let (number, left) = window(datetime!(2026-11-28 12:00:15.5 UTC));
        assert_eq!(left, Duration::milliseconds(44_500));
        let (next, left) = window(datetime!(2026-11-28 12:01 UTC));
        assert_eq!((next, left), (number + 1, WINDOW));
    }

    #[test]
    fn what_remains_may_be_spent_and_one_more_waits() {
        for (before, current, seconds) in [(0, 0, 60), (7, 2, 31), (10, 0, 60), (10, 1, 7)] {
            let left = Duration::seconds(seconds);
            let remaining = remaining(before, current, 10, left);
            for spent in 0..remaining {
                assert_eq!(wait(before, current + spent, 10, left), None);
            }
            assert!(wait(before, current + remaining, 10, left).is_some());
        }
    }
}
