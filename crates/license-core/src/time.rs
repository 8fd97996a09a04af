//! Instants, dates and durations beyond `chrono`: strict parsing, printing, and a fixed range.
//!
//! Every signature uses the types of [`chrono`], which this crate re-exports: [`DateTime<Utc>`] for
//! an instant, [`NaiveDate`] for a calendar date in UTC, and [`TimeDelta`] for a duration. This
//! module does not read a clock.
//!
//! Instants are whole seconds from [`MIN`] to [`MAX`], because RFC 3339 can represent the years up
//! to 9999. If a caller passes an instant beyond the range or with a fraction of a second, the
//! crate uses the result of [`clamp`]. There is one exception: claims with an instant beyond the
//! range cannot be signed.
//!
//! `DateTime` itself prints `2026-12-31 23:59:59 UTC`. Use [`rfc3339`] for `2026-12-31T23:59:59Z`.
//!
//! ```
//! use license_core::chrono::TimeDelta;
//! use license_core::time;
//!
//! let end = time::parse_instant("2026-12-31T23:59:59Z")?;
//! let start = time::start_of_day(time::parse_date("2026-12-30")?);
//! assert_eq!(time::rfc3339(end).to_string(), "2026-12-31T23:59:59Z");
//! assert_eq!(time::humanize(end - start).to_string(), "47 hours");
//! assert_eq!(time::saturating_add(end, TimeDelta::MAX), time::MAX);
//! # Ok::<(), time::TimeError>(())
//! ```

mod duration;
pub mod serde_rfc3339;
pub(crate) mod serde_seconds;
pub mod serde_unix_seconds;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};

pub use duration::parse_duration;

/// 1970-01-01T00:00:00Z, the earliest instant.
pub const MIN: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// 9999-12-31T23:59:59Z, the latest instant.
pub const MAX: DateTime<Utc> = match DateTime::from_timestamp_secs(253_402_300_799) {
    Some(instant) => instant,
    // The constant is evaluated at compile time, so a value out of range would not compile.
    None => unreachable!(),
};

pub(crate) const DAY: TimeDelta = TimeDelta::days(1);
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// The difference by which a clock may be behind without a warning. Smaller differences are common,
/// for example on machines with two operating systems.
pub(crate) const CLOCK_TOLERANCE: TimeDelta = DAY;

/// Parses an RFC 3339 instant or a date. A date means its first second in UTC.
///
/// A space may replace the `T`. A fraction of a second is ignored, and a leap second counts as the
/// second before it.
///
/// ```
/// use license_core::time::{parse_instant, unix_seconds};
///
/// let instant = parse_instant("2026-12-31T23:59:59Z")?;
/// assert_eq!(unix_seconds(instant), 1_798_761_599);
/// assert_eq!(parse_instant("2027-01-01T00:59:59+01:00")?, instant);
/// assert_eq!(parse_instant("2027-01-01")?, parse_instant("2027-01-01T00:00:00Z")?);
/// # Ok::<(), license_core::time::TimeError>(())
/// ```
///
/// # Errors
///
/// Returns [`TimeError`] if the text has another form, or is not between [`MIN`] and [`MAX`].
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, TimeError> {
    if let Ok(date) = parse_date(text) {
        return Ok(start_of_day(date));
    }
    let instant = DateTime::parse_from_rfc3339(text).map_err(|_| TimeError::NotAnInstant)?;
    from_unix_timestamp(instant.timestamp()).ok_or(TimeError::OutOfRange)
}

/// Parses a date in the form `YYYY-MM-DD` or `YYYYMMDD`, from 1970-01-01 to 9999-12-31.
///
/// ```
/// use license_core::time::{end_of_day, parse_date, rfc3339};
///
/// let date = parse_date("2028-02-29")?;
/// assert_eq!(parse_date("20280229")?, date);
/// assert_eq!(rfc3339(end_of_day(date)).to_string(), "2028-03-01T00:00:00Z");
/// assert!(parse_date("2027-02-29").is_err());
/// # Ok::<(), license_core::time::TimeError>(())
/// ```
///
/// # Errors
///
/// Returns [`TimeError::NotADate`] if the text has another form, or is not a real date in this
/// range.
pub fn parse_date(text: &str) -> Result<NaiveDate, TimeError> {
    // `chrono` also accepts signs, spaces and single digits.
    let format = match text.len() {
        8 if has_shape(text, "dddddddd") => "%Y%m%d",
        10 if has_shape(text, "dddd-dd-dd") => "%Y-%m-%d",
        _ => return Err(TimeError::NotADate),
    };
    let date = NaiveDate::parse_from_str(text, format).map_err(|_| TimeError::NotADate)?;
    if is_date_in_range(date) {
        Ok(date)
    } else {
        Err(TimeError::NotADate)
    }
}

/// Returns whether the date is from 1970-01-01 to 9999-12-31.
pub(crate) fn is_date_in_range(date: NaiveDate) -> bool {
    (MIN.date_naive()..=MAX.date_naive()).contains(&date)
}

/// Returns whether the text has a digit for each `d` of the shape and equals the shape elsewhere.
fn has_shape(text: &str, shape: &str) -> bool {
    text.bytes().zip(shape.bytes()).all(|pair| match pair {
        (byte, b'd') => byte.is_ascii_digit(),
        (byte, expected) => byte == expected,
    })
}

/// Returns the RFC 3339 form of an instant in UTC with whole seconds, such as
/// `2026-12-31T23:59:59Z`.
///
/// [`parse_instant`] accepts every such text, because an instant beyond the range prints as the
/// nearest instant in the range.
///
/// ```
/// use license_core::time;
///
/// let at = time::parse_instant("2027-03-01T12:00:00Z")?;
/// assert_eq!(time::rfc3339(at).to_string(), "2027-03-01T12:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rfc3339(at: DateTime<Utc>) -> impl fmt::Display {
    clamp(at).format("%Y-%m-%dT%H:%M:%SZ")
}

/// Returns the form of a date in enterprise keys, `YYYYMMDD`.
pub(crate) fn compact_date(date: NaiveDate) -> impl fmt::Display {
    date.format("%Y%m%d")
}

/// Returns a duration in one unit, rounded down: `3 days`, `36 hours`, `5 minutes`.
///
/// A negative duration prints as `0 seconds`.
///
/// ```
/// use license_core::chrono::TimeDelta;
/// use license_core::time::humanize;
///
/// assert_eq!(humanize(TimeDelta::hours(36)).to_string(), "36 hours");
/// assert_eq!(humanize(TimeDelta::hours(80)).to_string(), "3 days");
/// ```
pub fn humanize(duration: TimeDelta) -> impl fmt::Display {
    WordedDuration { duration, more: "" }
}

/// Returns the text for a remaining duration in the form of [`humanize`], such as `3 more days`.
///
/// ```
/// use license_core::chrono::TimeDelta;
/// use license_core::time;
///
/// assert_eq!(time::humanize_more(TimeDelta::days(3)).to_string(), "3 more days");
/// ```
pub fn humanize_more(duration: TimeDelta) -> impl fmt::Display {
    WordedDuration {
        duration,
        more: "more ",
    }
}

struct WordedDuration {
    duration: TimeDelta,
    /// The word between the number and the unit, followed by a space.
    more: &'static str,
}

impl fmt::Display for WordedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.duration {
            duration if duration >= TimeDelta::days(2) => (duration.num_days(), "day"),
            duration if duration >= TimeDelta::hours(1) => (duration.num_hours(), "hour"),
            duration if duration >= TimeDelta::minutes(1) => (duration.num_minutes(), "minute"),
            duration => (duration.num_seconds().max(0), "second"),
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {}{unit}{plural}", self.more)
    }
}

/// Returns the instant `seconds` after the Unix epoch, or `None` after [`MAX`].
///
/// ```
/// use license_core::time;
///
/// let at = time::from_unix_seconds(1_798_761_600).ok_or("later than 9999")?;
/// assert_eq!(time::rfc3339(at).to_string(), "2027-01-01T00:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_unix_seconds(seconds: u64) -> Option<DateTime<Utc>> {
    from_unix_timestamp(seconds.try_into().ok()?)
}

/// Returns the instant in the range with this Unix time in seconds.
fn from_unix_timestamp(seconds: i64) -> Option<DateTime<Utc>> {
    let instant = DateTime::from_timestamp_secs(seconds)?;
    is_in_range(instant).then_some(instant)
}

/// Returns the seconds from the Unix epoch to [`clamp(at)`](clamp), from 0 to 253402300799.
///
/// ```
/// use license_core::time;
///
/// assert_eq!(time::unix_seconds(time::parse_instant("2027-01-01")?), 1_798_761_600);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn unix_seconds(at: DateTime<Utc>) -> u64 {
    // The value is not negative, because no instant in the range is before the epoch.
    at.clamp(MIN, MAX).timestamp().cast_unsigned()
}

/// Returns the instant of the system clock, without its fraction of a second.
///
/// ```
/// use std::time::SystemTime;
///
/// use license_core::time;
///
/// let now = time::from_system_time(SystemTime::now())?;
/// assert!(now > time::parse_instant("2026-01-01")?);
/// # Ok::<(), time::TimeError>(())
/// ```
///
/// # Errors
///
/// Returns [`TimeError::OutOfRange`] before 1970 and after 9999.
pub fn from_system_time(now: SystemTime) -> Result<DateTime<Utc>, TimeError> {
    let since = now.duration_since(UNIX_EPOCH);
    let seconds = since.map_err(|_| TimeError::OutOfRange)?.as_secs();
    from_unix_seconds(seconds).ok_or(TimeError::OutOfRange)
}

fn is_in_range(at: DateTime<Utc>) -> bool {
    (MIN..=MAX).contains(&at)
}

/// Returns the instant in whole seconds, rounded down, at least [`MIN`] and at most [`MAX`].
///
/// ```
/// use license_core::chrono::{DateTime, Utc};
/// use license_core::time;
///
/// assert_eq!(time::clamp(DateTime::<Utc>::MIN_UTC), time::MIN);
/// ```
pub fn clamp(at: DateTime<Utc>) -> DateTime<Utc> {
    let at = at.clamp(MIN, MAX);
    if at.nanosecond() == 0 {
        return at;
    }
    // 0 is a valid fraction, so there is always a result.
    let whole = at.naive_utc().with_nanosecond(0);
    whole.map_or(at, |whole| whole.and_utc())
}

/// Returns the instant `duration` later, at least [`MIN`] and at most [`MAX`].
///
/// The operator `+` of `DateTime` panics instead if `chrono` cannot represent the sum.
///
/// ```
/// use license_core::chrono::TimeDelta;
/// use license_core::time;
///
/// assert_eq!(time::saturating_add(time::MAX, TimeDelta::days(1)), time::MAX);
/// ```
pub fn saturating_add(at: DateTime<Utc>, duration: TimeDelta) -> DateTime<Utc> {
    match at.checked_add_signed(duration) {
        Some(sum) => clamp(sum),
        None if duration < TimeDelta::zero() => MIN,
        None => MAX,
    }
}

/// Returns the instant `duration` earlier, at least [`MIN`] and at most [`MAX`].
///
/// ```
/// use license_core::chrono::TimeDelta;
/// use license_core::time;
///
/// assert_eq!(time::saturating_sub(time::MIN, TimeDelta::days(1)), time::MIN);
/// ```
pub fn saturating_sub(at: DateTime<Utc>, duration: TimeDelta) -> DateTime<Utc> {
    saturating_add(at, -duration)
}

/// Returns the duration from `earlier` to `at`, or zero if `earlier` is later.
///
/// ```
/// use license_core::time;
///
/// let (start, end) = (time::parse_instant("2027-03-01")?, time::parse_instant("2027-03-04")?);
/// assert_eq!(time::duration_since(end, start).num_days(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn duration_since(at: DateTime<Utc>, earlier: DateTime<Utc>) -> TimeDelta {
    at.signed_duration_since(earlier).max(TimeDelta::zero())
}

/// Returns the first second of the day in UTC, at least [`MIN`] and at most [`MAX`].
///
/// ```
/// use license_core::time;
///
/// let day = time::parse_date("2027-03-01")?;
/// assert_eq!(time::start_of_day(day), time::parse_instant("2027-03-01")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn start_of_day(date: NaiveDate) -> DateTime<Utc> {
    clamp(date.and_time(NaiveTime::MIN).and_utc())
}

/// Returns the first instant after the day in UTC. For the last day of the year 9999, returns
/// [`MAX`], the last second of the day.
///
/// ```
/// use license_core::time;
///
/// let day = time::parse_date("2027-03-01")?;
/// assert_eq!(time::end_of_day(day), time::parse_instant("2027-03-02")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn end_of_day(date: NaiveDate) -> DateTime<Utc> {
    saturating_add(date.and_time(NaiveTime::MIN).and_utc(), DAY)
}

/// Describes a term by its last day, or by its end if it ends during a day. `end` is the first
/// instant after the term.
///
/// ```
/// use license_core::time;
///
/// let end = time::parse_instant("2028-01-01")?;
/// assert_eq!(time::describe_end(end), "through 2027-12-31 (UTC)");
/// let end = time::parse_instant("2028-01-01T09:00:00Z")?;
/// assert_eq!(time::describe_end(end), "until 2028-01-01T09:00:00Z");
/// # Ok::<(), time::TimeError>(())
/// ```
pub fn describe_end(end: DateTime<Utc>) -> String {
    let last = saturating_add(end, -SECOND);
    if end == MAX || (end.time() == NaiveTime::MIN && last < end) {
        format!("through {} (UTC)", last.date_naive())
    } else {
        format!("until {}", rfc3339(end))
    }
}

/// Describes a term like [`describe_end`], but from its last instant.
///
/// ```
/// use license_core::time;
///
/// let last = time::parse_instant("2027-12-31T23:59:59Z")?;
/// assert_eq!(time::describe_last(last), "through 2027-12-31 (UTC)");
/// # Ok::<(), time::TimeError>(())
/// ```
pub fn describe_last(last: DateTime<Utc>) -> String {
    describe_end(saturating_add(last, SECOND))
}

/// Returns a number of seconds as a duration, at most [`TimeDelta::MAX`].
pub(crate) fn seconds(count: u64) -> TimeDelta {
    saturating_units(count, TimeDelta::try_seconds)
}

/// Returns a number of hours as a duration, at most [`TimeDelta::MAX`].
pub(crate) fn hours(count: u64) -> TimeDelta {
    saturating_units(count, TimeDelta::try_hours)
}

/// Returns a number of days as a duration, at most [`TimeDelta::MAX`].
pub(crate) fn days(count: u64) -> TimeDelta {
    saturating_units(count, TimeDelta::try_days)
}

fn saturating_units(count: u64, unit: fn(i64) -> Option<TimeDelta>) -> TimeDelta {
    let duration = i64::try_from(count).ok().and_then(unit);
    duration.unwrap_or(TimeDelta::MAX)
}

/// Returns the whole seconds of a duration, or 0 for a negative duration.
pub(crate) fn whole_seconds(duration: TimeDelta) -> u64 {
    u64::try_from(duration.num_seconds()).unwrap_or(0)
}

/// The reason why a text or a value is not an instant or a date.
///
/// ```
/// use license_core::time;
///
/// let error = time::parse_date("March 2027").err().ok_or("expected an error")?;
/// println!("{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// The text is not a number of days or hours.
    #[error("expected days or hours, such as 30d or 12h")]
    NotADuration,
    /// The value is before 1970 or after 9999.
    #[error("expected an instant from 1970 to 9999")]
    OutOfRange,
}

#[cfg(test)]
mod tests;
