//! The expiry of an enterprise key.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};

use crate::encoding::value::text_value;
use crate::time::{self, TimeError, compact_date};

pub(super) const DATE_EXPECTED: &str = "a real date in the form YYYYMMDD";

/// The expiry of an enterprise key.
///
/// ```
/// use license_core::key::KeyExpiry;
///
/// let expiry = KeyExpiry::parse("2027-12-31")?;
/// assert_eq!(expiry.to_string(), "20271231");
/// assert_eq!("20271231".parse(), Ok(expiry));
/// assert_eq!(KeyExpiry::Perpetual.ends_at(), None);
/// # Ok::<(), license_core::time::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyExpiry {
    /// The key never expires. Its date is `99991231`.
    Perpetual,
    /// The last day on which the key is valid, in UTC, from 1970 to 9999.
    LastDay(NaiveDate),
}

impl KeyExpiry {
    const PERPETUAL: &'static str = "99991231";

    /// Returns the first instant at which the key is no longer valid, or `None` if it is perpetual.
    ///
    /// ```
    /// use license_core::time;
    /// use license_core::key::KeyExpiry;
    ///
    /// let expiry = KeyExpiry::LastDay(time::parse_date("2027-12-31")?);
    /// assert_eq!(expiry.ends_at(), Some(time::parse_instant("2028-01-01")?));
    /// assert_eq!(KeyExpiry::Perpetual.ends_at(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ends_at(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Perpetual => None,
            Self::LastDay(date) => Some(time::end_of_day(date)),
        }
    }

    /// Returns whether the last day is a date that [`KeyExpiry::parse`] accepts.
    #[cfg(feature = "issue")]
    pub(crate) fn is_in_range(self) -> bool {
        match self {
            Self::Perpetual => true,
            Self::LastDay(date) => time::is_date_in_range(date),
        }
    }

    /// Parses `YYYYMMDD` or `YYYY-MM-DD`. The last day of the year 9999 means perpetual.
    ///
    /// # Errors
    ///
    /// Returns [`TimeError::NotADate`] if the text has another form, or is not a real date from the
    /// years 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let date = time::parse_date(text)?;
        let is_perpetual = compact_date(date).to_string() == Self::PERPETUAL;
        Ok(if is_perpetual {
            Self::Perpetual
        } else {
            Self::LastDay(date)
        })
    }
}

impl fmt::Display for KeyExpiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Perpetual => f.write_str(Self::PERPETUAL),
            Self::LastDay(date) => compact_date(*date).fmt(f),
        }
    }
}

text_value!(KeyExpiry, DATE_EXPECTED, TimeError);
