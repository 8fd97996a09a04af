//! Time of the lease clock, and lengths of time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The maximum number of milliseconds. It fits into a signed integer of a database.
const MAX_MILLIS: u64 = u64::MAX >> 1;

/// A reading of the lease clock: milliseconds since the pool's server first started.
///
/// The lease clock is a counter. It never goes back, stands still while the server is down, and is
/// unrelated to the wall clock. Values fit into a signed 64-bit integer.
///
/// ```
/// use license_seats::{LeaseSpan, LeaseTime};
///
/// let granted = LeaseTime::from_millis(5_000);
/// let until = granted.saturating_add(LeaseSpan::from_secs(120));
/// assert_eq!(until.as_millis(), 125_000);
/// assert_eq!(until.since(granted), LeaseSpan::from_secs(120));
/// assert_eq!(LeaseTime::MAX.checked_add(LeaseSpan::from_millis(1)), None);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(from = "u64", into = "u64")]
pub struct LeaseTime(u64);

impl LeaseTime {
    /// The first reading of a new lease clock.
    pub const START: Self = Self(0);
    /// The last reading: 292 million years after the start.
    pub const MAX: Self = Self(MAX_MILLIS);

    /// Returns a reading of the clock. A number above [`LeaseTime::MAX`] becomes the maximum.
    pub const fn from_millis(millis: u64) -> Self {
        Self(at_most_max(millis))
    }

    /// Returns the milliseconds since the start of the clock.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time a span later, or `None` if it is after [`LeaseTime::MAX`].
    pub const fn checked_add(self, span: LeaseSpan) -> Option<Self> {
        let sum = self.0.saturating_add(span.0);
        if sum > MAX_MILLIS {
            None
        } else {
            Some(Self(sum))
        }
    }

    /// Returns the time a span later, and at most [`LeaseTime::MAX`].
    pub const fn saturating_add(self, span: LeaseSpan) -> Self {
        Self::from_millis(self.0.saturating_add(span.0))
    }

    /// Returns the time that has passed since an earlier reading, or zero if it is later.
    pub const fn since(self, earlier: Self) -> LeaseSpan {
        LeaseSpan(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time on the lease clock, in milliseconds.
///
/// ```
/// use license_seats::LeaseSpan;
///
/// assert_eq!(LeaseSpan::from_secs(120).as_millis(), 120_000);
/// assert_eq!(LeaseSpan::from_secs(120).to_string(), "120000 ms");
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(from = "u64", into = "u64")]
pub struct LeaseSpan(u64);

impl LeaseSpan {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// The longest span: 292 million years.
    pub const MAX: Self = Self(MAX_MILLIS);

    /// Returns a span of milliseconds, at most [`LeaseSpan::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        Self(at_most_max(millis))
    }

    /// Returns a span of seconds, at most [`LeaseSpan::MAX`].
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1_000))
    }

    /// Returns the milliseconds of the span.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns whether the span has no length.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns the sum of two spans, at most [`LeaseSpan::MAX`].
    pub const fn saturating_add(self, other: Self) -> Self {
        Self::from_millis(self.0.saturating_add(other.0))
    }

    /// Returns the span multiplied by a fraction and rounded up, at most [`LeaseSpan::MAX`]. A
    /// denominator of zero counts as one.
    ///
    /// ```
    /// use license_seats::LeaseSpan;
    ///
    /// assert_eq!(LeaseSpan::from_millis(1_001).times(1, 1_000), LeaseSpan::from_millis(2));
    /// ```
    pub fn times(self, numerator: u32, denominator: u32) -> Self {
        let product = u128::from(self.0) * u128::from(numerator);
        let quotient = product.div_ceil(u128::from(denominator.max(1)));
        u64::try_from(quotient).map_or(Self::MAX, Self::from_millis)
    }
}

const fn at_most_max(millis: u64) -> u64 {
    if millis > MAX_MILLIS {
        MAX_MILLIS
    } else {
        millis
    }
}

impl From<u64> for LeaseTime {
    fn from(millis: u64) -> Self {
        Self::from_millis(millis)
    }
}

impl From<LeaseTime> for u64 {
    fn from(time: LeaseTime) -> Self {
        time.0
    }
}

impl From<u64> for LeaseSpan {
    fn from(millis: u64) -> Self {
        Self::from_millis(millis)
    }
}

impl From<LeaseSpan> for u64 {
    fn from(span: LeaseSpan) -> Self {
        span.0
    }
}

impl fmt::Display for LeaseTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

impl fmt::Display for LeaseSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
