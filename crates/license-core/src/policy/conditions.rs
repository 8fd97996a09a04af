//! Check-in, renewal and usage type of a license.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::encoding::strict_json::count;
use crate::encoding::value::named_value;

const SECONDS_PER_HOUR: u64 = 3600;
const SECONDS_PER_DAY: u64 = 86_400;

/// Upper limit for hours and days. 2^32 hours are over 400,000 years, and no sum overflows.
pub(crate) const MAX_SPAN: u64 = 1 << 32;

/// Interval between validations, and grace period for a license without a new validation. Both
/// start at the last validation.
///
/// ```
/// use license_core::CheckIn;
///
/// let daily = CheckIn::new(24, 168).ok_or("out of range")?;
/// assert_eq!(daily.to_string(), "every 24 hours; valid for 168 hours without check-in");
/// let json = serde_json::to_string(&daily)?;
/// assert_eq!(json, r#"{"every_hours":24,"grace_hours":168}"#);
/// assert_eq!(serde_json::from_str::<CheckIn>(&json)?, daily);
/// assert!(CheckIn::new(24, 12).is_none(), "the grace period would end before the check-in");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedCheckIn")]
pub struct CheckIn {
    every_hours: u64,
    grace_hours: u64,
}

impl CheckIn {
    /// Creates a check-in policy from two numbers of hours, from 1 to 2^32 each. Returns `None` if
    /// a number is out of range, or if the grace period would end before the next check-in is due.
    pub fn new(every_hours: u64, grace_hours: u64) -> Option<Self> {
        let in_bounds = every_hours >= 1 && every_hours <= grace_hours && grace_hours <= MAX_SPAN;
        in_bounds.then_some(Self {
            every_hours,
            grace_hours,
        })
    }

    /// Returns the hours until the next validation is due.
    pub fn every_hours(self) -> u64 {
        self.every_hours
    }

    /// Returns the hours for which the license stays valid without validation.
    pub fn grace_hours(self) -> u64 {
        self.grace_hours
    }

    pub(crate) fn every_seconds(self) -> u64 {
        self.every_hours * SECONDS_PER_HOUR
    }

    pub(crate) fn grace_seconds(self) -> u64 {
        self.grace_hours * SECONDS_PER_HOUR
    }
}

/// Writes a phrase for users.
impl fmt::Display for CheckIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            every_hours,
            grace_hours,
        } = self;
        write!(
            f,
            "every {every_hours} hours; valid for {grace_hours} hours without check-in"
        )
    }
}

/// Notice period before the end of a license, and grace period after it.
///
/// ```
/// use license_core::Renewal;
///
/// let renewal = Renewal::new(14, 72).ok_or("out of range")?;
/// assert_eq!((renewal.notify_days(), renewal.grace_hours()), (14, 72));
/// let json = serde_json::to_string(&renewal)?;
/// assert_eq!(json, r#"{"notify_days":14,"grace_hours":72}"#);
/// assert_eq!(serde_json::from_str::<Renewal>(&json)?, renewal);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedRenewal")]
pub struct Renewal {
    notify_days: u64,
    grace_hours: u64,
}

impl Renewal {
    /// Creates a renewal policy from the days before and the hours after the end. 0 means no notice
    /// or no grace period. Returns `None` if a number is greater than 2^32.
    pub fn new(notify_days: u64, grace_hours: u64) -> Option<Self> {
        let in_bounds = notify_days <= MAX_SPAN && grace_hours <= MAX_SPAN;
        in_bounds.then_some(Self {
            notify_days,
            grace_hours,
        })
    }

    /// Returns the number of days before the end at which warnings start.
    pub fn notify_days(self) -> u64 {
        self.notify_days
    }

    /// Returns the hours for which the license stays valid after its end.
    pub fn grace_hours(self) -> u64 {
        self.grace_hours
    }

    pub(crate) fn notify_seconds(self) -> u64 {
        self.notify_days * SECONDS_PER_DAY
    }

    pub(crate) fn grace_seconds(self) -> u64 {
        self.grace_hours * SECONDS_PER_HOUR
    }
}

/// The JSON form of [`CheckIn`].
#[derive(Deserialize)]
struct UncheckedCheckIn {
    #[serde(deserialize_with = "count")]
    every_hours: u64,
    #[serde(deserialize_with = "count")]
    grace_hours: u64,
}

impl TryFrom<UncheckedCheckIn> for CheckIn {
    type Error = &'static str;

    fn try_from(unchecked: UncheckedCheckIn) -> Result<Self, Self::Error> {
        Self::new(unchecked.every_hours, unchecked.grace_hours)
            .ok_or("`every_hours` of at least 1 and `grace_hours` of at least `every_hours`, each at most 2^32")
    }
}

/// The JSON form of [`Renewal`].
#[derive(Deserialize)]
struct UncheckedRenewal {
    #[serde(deserialize_with = "count")]
    notify_days: u64,
    #[serde(deserialize_with = "count")]
    grace_hours: u64,
}

impl TryFrom<UncheckedRenewal> for Renewal {
    type Error = &'static str;

    fn try_from(unchecked: UncheckedRenewal) -> Result<Self, Self::Error> {
        Self::new(unchecked.notify_days, unchecked.grace_hours)
            .ok_or("`notify_days` and `grace_hours` of at most 2^32")
    }
}

/// Purpose for which the product is used.
///
/// ```
/// use license_core::UsageType;
///
/// let usage: UsageType = "runtime".parse()?;
/// assert_eq!(usage, UsageType::Runtime);
/// assert_eq!(UsageType::default().to_string(), "builder");
/// # Ok::<(), license_core::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UsageType {
    /// A development tool.
    #[default]
    Builder,
    /// A runtime that is embedded in a shipped application.
    Runtime,
}

impl UsageType {
    /// Returns the name in claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Runtime => "runtime",
        }
    }
}

named_value!(
    UsageType,
    "usage type",
    "`builder` or `runtime`",
    [Builder, Runtime]
);
