//! Instants, dates and durations over `chrono`. This module does not read a clock.

pub(crate) mod unix_seconds;

use std::fmt;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::encoding::strict_json::serde_as_text;

pub(crate) const SECONDS_PER_DAY: u64 = 86_400;

/// Seconds by which a clock may be behind without a warning: 24 hours. Smaller differences are
/// common, for example on machines with two operating systems.
pub(crate) const CLOCK_TOLERANCE: u64 = SECONDS_PER_DAY;

/// An instant in whole seconds, from 1970-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
///
/// RFC 3339 can represent the years up to 9999.
///
/// ```
/// use license_core::Timestamp;
///
/// let instant = Timestamp::parse("2026-12-31T23:59:59Z")?;
/// assert_eq!(instant.unix_seconds(), 1_798_761_599);
/// assert_eq!(Timestamp::parse("2027-01-01T00:59:59+01:00")?, instant);
/// assert_eq!(instant.to_string(), "2026-12-31T23:59:59Z");
/// # Ok::<(), license_core::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(
    /// The instant, in whole seconds and in range.
    DateTime<Utc>,
);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(DateTime::UNIX_EPOCH);
    /// 9999-12-31T23:59:59Z.
    pub const MAX: Self = match DateTime::from_timestamp_secs(253_402_300_799) {
        Some(instant) => Self(instant),
        // The constant is evaluated at compile time, so a value out of range would not compile.
        None => unreachable!(),
    };

    /// Returns the instant `seconds` after the Unix epoch, or `None` after [`Timestamp::MAX`].
    pub const fn from_unix_seconds(seconds: u64) -> Option<Self> {
        if seconds > Self::MAX.unix_seconds() {
            return None;
        }
        match DateTime::from_timestamp_secs(seconds.cast_signed()) {
            Some(instant) => Some(Self(instant)),
            None => None,
        }
    }

    /// Returns the seconds since the Unix epoch.
    pub const fn unix_seconds(self) -> u64 {
        // The value is not negative, because no instant is before the epoch.
        self.0.timestamp().cast_unsigned()
    }

    /// Parses an RFC 3339 instant or a date. A date means its first second in UTC.
    ///
    /// A space may replace the `T`. A fraction of a second is ignored, and a leap second counts as
    /// the second before it.
    ///
    /// # Errors
    ///
    /// Returns [`TimeError`] if the text has another form, or is not between [`Timestamp::MIN`] and
    /// [`Timestamp::MAX`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Ok(date) = Date::parse(text) {
            return Ok(date.start());
        }
        let instant = DateTime::parse_from_rfc3339(text).map_err(|_| TimeError::NotAnInstant)?;
        instant.to_utc().try_into()
    }

    /// Returns the instant `seconds` later, at most [`Timestamp::MAX`].
    pub const fn plus(self, seconds: u64) -> Self {
        match Self::from_unix_seconds(self.unix_seconds().saturating_add(seconds)) {
            Some(later) => later,
            None => Self::MAX,
        }
    }

    /// Returns the instant `seconds` earlier, at least [`Timestamp::MIN`].
    pub const fn minus(self, seconds: u64) -> Self {
        match Self::from_unix_seconds(self.unix_seconds().saturating_sub(seconds)) {
            Some(earlier) => earlier,
            // Unreachable, because an earlier instant is in range.
            None => Self::MIN,
        }
    }

    /// Returns the seconds from `earlier` to this instant, or 0 if `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> u64 {
        self.unix_seconds().saturating_sub(earlier.unix_seconds())
    }

    /// Returns the date in UTC. It is never `None`, because every instant is in range.
    pub fn date(self) -> Option<Date> {
        Date::try_from(self.0.date_naive()).ok()
    }
}

/// Truncates to whole seconds.
impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = TimeError;

    fn try_from(instant: DateTime<Utc>) -> Result<Self, TimeError> {
        u64::try_from(instant.timestamp())
            .ok()
            .and_then(Self::from_unix_seconds)
            .ok_or(TimeError::OutOfRange)
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(instant: Timestamp) -> Self {
        instant.0
    }
}

/// Prints RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%dT%H:%M:%SZ").fmt(f)
    }
}

serde_as_text!(
    Timestamp,
    "an instant such as 2027-03-01T12:00:00Z",
    |text| Timestamp::parse(text).ok()
);

/// A calendar date in UTC, 1970-01-01 to 9999-12-31.
///
/// ```
/// use license_core::Date;
///
/// let date = Date::parse("2028-02-29")?;
/// assert_eq!(Date::parse("20280229")?, date);
/// assert_eq!(date.end().to_string(), "2028-03-01T00:00:00Z");
/// assert!(Date::parse("2027-02-29").is_err());
/// # Ok::<(), license_core::TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(
    /// The date, in range.
    NaiveDate,
);

impl Date {
    /// Parses a date in the form `YYYY-MM-DD` or `YYYYMMDD`.
    ///
    /// # Errors
    ///
    /// Returns [`TimeError::NotADate`] if the text has another form or is not a real date.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        // `chrono` also accepts signs, spaces and single digits.
        let format = match text.len() {
            8 if has_shape(text, "dddddddd") => "%Y%m%d",
            10 if has_shape(text, "dddd-dd-dd") => "%Y-%m-%d",
            _ => return Err(TimeError::NotADate),
        };
        let date = NaiveDate::parse_from_str(text, format).map_err(|_| TimeError::NotADate)?;
        Self::try_from(date).map_err(|_| TimeError::NotADate)
    }

    /// Returns the first second of the day.
    pub fn start(self) -> Timestamp {
        Timestamp(self.0.and_time(NaiveTime::MIN).and_utc())
    }

    /// Returns the first instant after the day. For the last day of the year 9999, returns
    /// [`Timestamp::MAX`], the last second of the day.
    pub fn end(self) -> Timestamp {
        self.start().plus(SECONDS_PER_DAY)
    }

    /// Returns the date in the form of enterprise keys, `YYYYMMDD`.
    pub fn compact(self) -> impl fmt::Display {
        self.0.format("%Y%m%d")
    }

    /// Returns the date `days` later, or `None` after the year 9999.
    pub fn plus_days(self, days: u64) -> Option<Self> {
        let date = self.0.checked_add_days(Days::new(days))?;
        Self::try_from(date).ok()
    }
}

/// Returns whether the text has a digit for each `d` of the shape and equals the shape elsewhere.
fn has_shape(text: &str, shape: &str) -> bool {
    text.bytes().zip(shape.bytes()).all(|pair| match pair {
        (byte, b'd') => byte.is_ascii_digit(),
        (byte, expected) => byte == expected,
    })
}

impl TryFrom<NaiveDate> for Date {
    type Error = TimeError;

    fn try_from(date: NaiveDate) -> Result<Self, TimeError> {
        let days = Timestamp::MIN.0.date_naive()..=Timestamp::MAX.0.date_naive();
        if days.contains(&date) {
            Ok(Self(date))
        } else {
            Err(TimeError::OutOfRange)
        }
    }
}

impl From<Date> for NaiveDate {
    fn from(date: Date) -> Self {
        date.0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%d").fmt(f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Date({self})")
    }
}

/// A duration in seconds, printed in one unit and rounded down: `3 days`, `36 hours`, `5 minutes`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            seconds if seconds >= 2 * SECONDS_PER_DAY => (seconds / SECONDS_PER_DAY, "day"),
            seconds if seconds >= 3600 => (seconds / 3600, "hour"),
            seconds if seconds >= 60 => (seconds / 60, "minute"),
            seconds => (seconds, "second"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

impl Span {
    /// Returns the text for a remaining duration, such as `3 more days`.
    pub fn more(self) -> String {
        self.to_string().replacen(' ', " more ", 1)
    }
}

/// Truncates to whole seconds. A negative duration is out of range.
impl TryFrom<TimeDelta> for Span {
    type Error = TimeError;

    fn try_from(span: TimeDelta) -> Result<Self, TimeError> {
        let is_negative = span < TimeDelta::zero();
        let seconds = u64::try_from(span.num_seconds()).ok();
        seconds
            .filter(|_| !is_negative)
            .map(Self)
            .ok_or(TimeError::OutOfRange)
    }
}

impl TryFrom<Span> for TimeDelta {
    type Error = TimeError;

    fn try_from(Span(seconds): Span) -> Result<Self, TimeError> {
        i64::try_from(seconds)
            .ok()
            .and_then(Self::try_seconds)
            .ok_or(TimeError::OutOfRange)
    }
}

/// The reason why a text or a value is not an instant, a date or a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The text is neither an RFC 3339 instant nor a date.
    #[error(
        "expected an instant such as 2027-01-31T12:00:00Z or a date such as 2027-01-31, from 1970 to 9999"
    )]
    NotAnInstant,
    /// The text is not a real date from 1970 to 9999 in the form `YYYY-MM-DD` or `YYYYMMDD`.
    #[error("expected a real date such as 2027-01-31, from 1970 to 9999")]
    NotADate,
    /// The value is before 1970 or after 9999.
    #[error("expected an instant from 1970 to 9999")]
    OutOfRange,
}

#[cfg(test)]
mod tests;
