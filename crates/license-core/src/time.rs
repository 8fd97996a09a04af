//! Instants and dates. Nothing here reads a clock.

mod rfc3339;

use std::fmt;
use std::str::FromStr;

use crate::encoding::strict_json::serde_as_text;

pub(crate) const SECONDS_PER_DAY: u64 = 86_400;

/// How far a clock may be behind before it is worth a warning: 24 hours. Less happens to honest machines that boot two systems.
pub(crate) const CLOCK_TOLERANCE: u64 = SECONDS_PER_DAY;

/// An instant in whole seconds since 1970-01-01T00:00:00Z, from 0 to 253402300799
/// (9999-12-31T23:59:59Z).
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
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799);

    /// The instant so many seconds after the epoch, if it is at most [`Timestamp::MAX`].
    pub const fn from_unix_seconds(seconds: u64) -> Option<Self> {
        if seconds <= Self::MAX.0 {
            Some(Self(seconds))
        } else {
            None
        }
    }

    /// Seconds since the epoch.
    pub const fn unix_seconds(self) -> u64 {
        self.0
    }

    /// Reads an RFC 3339 instant, or a date, which stands for its first second in UTC.
    /// A fraction of a second is dropped.
    ///
    /// # Errors
    /// [`TimeError`] if it is neither, or lies before 1970.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Ok(date) = Date::parse(text) {
            return Ok(date.start());
        }
        let seconds = rfc3339::parse(text).ok_or(TimeError::NotAnInstant)?;
        u64::try_from(seconds)
            .ok()
            .and_then(Self::from_unix_seconds)
            .ok_or(TimeError::OutOfRange)
    }

    /// The instant so many seconds later, at most [`Timestamp::MAX`].
    pub const fn plus(self, seconds: u64) -> Self {
        let later = self.0.saturating_add(seconds);
        if later > Self::MAX.0 {
            Self::MAX
        } else {
            Self(later)
        }
    }

    /// The instant so many seconds earlier, at least [`Timestamp::MIN`].
    pub const fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Seconds from `earlier` to this instant; 0 if `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The UTC date, if its year has four digits.
    pub fn date(self) -> Option<Date> {
        Date::new(self.0 / SECONDS_PER_DAY)
    }
}

/// RFC 3339 in UTC. Instants after the year 9999, for which RFC 3339 has no form, as `@seconds`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            None => write!(f, "@{}", self.0),
            Some(date) => {
                let second = self.0 % SECONDS_PER_DAY;
                let (hour, minute) = (second / 3600, second / 60 % 60);
                write!(f, "{date}T{hour:02}:{minute:02}:{:02}Z", second % 60)
            }
        }
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
    /// Days since 1970-01-01.
    i32,
);

/// 9999-12-31.
const LAST_DAY: i32 = datealgo::date_to_rd((9999, 12, 31));

impl Date {
    fn new(days: impl TryInto<i32>) -> Option<Self> {
        let days = days.try_into().ok()?;
        (0..=LAST_DAY).contains(&days).then_some(Self(days))
    }

    fn days(self) -> u64 {
        self.0.unsigned_abs().into()
    }

    /// Reads `YYYY-MM-DD` or `YYYYMMDD`, digits only and a real date.
    ///
    /// # Errors
    /// [`TimeError::NotADate`] otherwise.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let days = match text.len() {
            8 => days(text.get(..4), text.get(4..6), text.get(6..)),
            _ => hyphenated(text),
        };
        days.and_then(Self::new).ok_or(TimeError::NotADate)
    }

    /// The first second of the day.
    pub fn start(self) -> Timestamp {
        Timestamp(self.days() * SECONDS_PER_DAY)
    }

    /// The first second of the next day: the first instant that is no longer in this one.
    pub fn end(self) -> Timestamp {
        self.start().plus(SECONDS_PER_DAY)
    }

    /// The date in the form of enterprise keys, `YYYYMMDD`.
    pub fn compact(self) -> impl fmt::Display {
        let (year, month, day) = datealgo::rd_to_date(self.0);
        format!("{year:04}{month:02}{day:02}")
    }

    /// The date so many days later, if it is still before the year 10000.
    pub fn plus_days(self, days: u64) -> Option<Self> {
        Self::new(self.days().checked_add(days)?)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = datealgo::rd_to_date(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Date({self})")
    }
}

/// Days since 1970 of a real date of the form `YYYY-MM-DD`, also before 1970.
fn hyphenated(text: &str) -> Option<i32> {
    let is_such = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    is_such.then(|| days(text.get(..4), text.get(5..7), text.get(8..)))?
}

/// Days since 1970 of a real date.
fn days(year: Option<&str>, month: Option<&str>, day: Option<&str>) -> Option<i32> {
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    let is_real =
        (1..=12).contains(&month) && (1..=datealgo::days_in_month(year, month)).contains(&day);
    is_real.then(|| datealgo::date_to_rd((year, month, day)))
}

/// `str::parse` alone would take a sign.
fn number<T: FromStr>(digits: Option<&str>) -> Option<T> {
    digits
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

/// Writes a span of time as a person would say it, rounded down: `3 days`, `36 hours`, `5 minutes`.
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
    /// The same of what is left: `3 more days`.
    pub fn more(self) -> String {
        self.to_string().replacen(' ', " more ", 1)
    }
}

/// Why a text is no instant or date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeError {
    /// Neither an RFC 3339 instant nor a date.
    NotAnInstant,
    /// Not a real date in the form `YYYY-MM-DD` or `YYYYMMDD`, 1970 to 9999.
    NotADate,
    /// Before 1970 or past 2^53-1 seconds.
    OutOfRange,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnInstant => {
                "expected an instant such as 2027-01-31T12:00:00Z or a date such as 2027-01-31"
            }
            Self::NotADate => "expected a real date such as 2027-01-31, from 1970 to 9999",
            Self::OutOfRange => "expected an instant from 1970 on",
        })
    }
}

impl std::error::Error for TimeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_as_they_parse_up_to_the_year_9999() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2027-02-30",
            "+2027-01-1",
            "2027-13-01T00:00:00Z",
            "2027-01-01T00:00:00",
            "１９９９-01-01",
        ] {
            assert_eq!(
                Timestamp::parse(text),
                Err(TimeError::NotAnInstant),
                "{text}"
            );
        }
        assert_eq!(
            Timestamp::parse("1969-12-31T23:59:59Z"),
            Err(TimeError::OutOfRange)
        );
    }

    #[test]
    fn arithmetic_stays_in_bounds() {
        assert_eq!(Timestamp::MAX.plus(1), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus(1), Timestamp::MIN);
        assert_eq!(Timestamp::MIN.seconds_since(Timestamp::MAX), 0);
        assert!(Timestamp::from_unix_seconds(253_402_300_800).is_none());
    }

    #[test]
    fn spans_are_rounded_down_and_agree_in_number() {
        let spans = [
            (0, "0 seconds"),
            (61, "1 minute"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ];
        for (seconds, text) in spans {
            assert_eq!(Span(seconds).to_string(), text);
        }
    }
}
