//! Times in tests, given as values or as text.

use license_core::chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::time;
use license_core::time::TimeError;

use super::unwrap;

/// A time in a test: a text such as `2027-03-01` or `2027-03-01T12:00:00Z`, a [`NaiveDate`] or a
/// [`DateTime`].
///
/// A date is a day in UTC. Each function states whether it uses the start or the end of the day. A
/// text that is neither a date nor an instant causes a panic.
#[derive(Debug, Clone)]
pub struct TimeArgument(Result<Bounds, TimeError>);

/// The first instant of a day and the first instant after the day, or an instant twice.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl TimeArgument {
    /// Returns the instant, or the first instant of the day.
    #[track_caller]
    pub(super) fn start(self) -> DateTime<Utc> {
        self.bounds().start
    }

    /// Returns the instant, or the first instant after the day.
    #[track_caller]
    pub(super) fn end(self) -> DateTime<Utc> {
        self.bounds().end
    }

    /// Returns the instant, or the last second of the day.
    #[track_caller]
    pub(super) fn last_second(self) -> DateTime<Utc> {
        let bounds = self.bounds();
        let is_instant = bounds.start == bounds.end;
        if is_instant {
            bounds.end
        } else {
            time::saturating_sub(bounds.end, TimeDelta::seconds(1))
        }
    }

    #[track_caller]
    fn bounds(self) -> Bounds {
        unwrap("cannot use the time", self.0)
    }
}

impl From<&str> for TimeArgument {
    fn from(text: &str) -> Self {
        if let Ok(date) = time::parse_date(text) {
            return date.into();
        }
        Self(time::parse_instant(text).map(Bounds::at))
    }
}

impl From<NaiveDate> for TimeArgument {
    fn from(date: NaiveDate) -> Self {
        Self(Ok(Bounds {
            start: time::start_of_day(date),
            end: time::end_of_day(date),
        }))
    }
}

impl From<DateTime<Utc>> for TimeArgument {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(Ok(Bounds::at(instant)))
    }
}

impl Bounds {
    fn at(instant: DateTime<Utc>) -> Self {
        Self {
            start: instant,
            end: instant,
        }
    }
}
