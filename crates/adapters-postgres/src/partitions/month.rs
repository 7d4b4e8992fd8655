//! Months, and where they begin among ids.

use std::fmt;

use time::{Date, Duration, Month as MonthOfYear, OffsetDateTime};
use uuid::Uuid;

/// A month (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month {
    first_day: Date,
}

impl Month {
    pub(super) fn of(moment: OffsetDateTime) -> Self {
        let date = moment.to_offset(time::UtcOffset::UTC).date();
        Self {
            first_day: first_of(date),
        }
    }

    /// The month of an id, if its time (RFC 9562, section 5.7) is one.
    pub(super) fn of_id(id: Uuid) -> Option<Self> {
        let milliseconds = i128::try_from(id.as_u128() >> 80).ok()?;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000).ok()?;
        Some(Self::of(moment))
    }

    pub(super) fn next(self) -> Self {
        // Every month has 28 days, and none has 60.
        Self {
            first_day: first_of(self.first_day.saturating_add(Duration::days(31))),
        }
    }

    /// So many months earlier.
    pub(super) fn earlier(self, months: u32) -> Self {
        let one = |month: Self, _| Self {
            first_day: first_of(month.first_day.saturating_sub(Duration::DAY)),
        };
        (0..months).fold(self, one)
    }

    /// The least of all ids (UUID version 7) that are made from its beginning on: they begin with their
    /// time, in milliseconds.
    pub(super) fn first_id(self) -> Uuid {
        let seconds = self.start().unix_timestamp();
        let milliseconds = u128::try_from(seconds).unwrap_or_default() * 1_000;
        Uuid::from_u128(milliseconds << 80)
    }

    /// Its first moment.
    pub(super) fn start(self) -> OffsetDateTime {
        self.first_day.midnight().assume_utc()
    }
}

fn first_of(date: Date) -> Date {
    date.replace_day(1).unwrap_or(date)
}

/// As in the name of a table.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month: MonthOfYear = self.first_day.month();
        write!(f, "{:04}_{:02}", self.first_day.year(), u8::from(month))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn months_follow_each_other() {
        let december = Month::of(datetime!(2026-12-31 23:59:59.999 UTC));
        assert_eq!(december.to_string(), "2026_12");
        assert_eq!(december.next().to_string(), "2027_01");
        assert_eq!(december.next().next().to_string(), "2027_02");
        assert_eq!(december.next().earlier(1), december);
        assert_eq!(december.earlier(24).to_string(), "2024_12");
        let elsewhere = datetime!(2026-12-01 00:30:00 +01:00);
        assert_eq!(Month::of(elsewhere).to_string(), "2026_11");
    }

    #[test]
    fn an_id_lies_in_the_month_in_which_it_was_made() {
        let january = Month::of(datetime!(2027-01-15 12:00 UTC));
        let id = |milliseconds: i64| {
            let seconds = u64::try_from(milliseconds / 1_000).unwrap();
            let nanos = u32::try_from(milliseconds % 1_000).unwrap() * 1_000_000;
            Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
        };
        let start = january.start().unix_timestamp() * 1_000;
        assert!(id(start) >= january.first_id());
        assert!(id(start - 1) < january.first_id());
        assert_eq!(Month::of_id(january.first_id()), Some(january));
        assert_eq!(Month::of_id(id(start - 1)), Some(january.earlier(1)));
    }
}
