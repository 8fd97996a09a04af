//! Check-in, renewal and usage type of a license.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::encoding::strict_json::count;
use crate::encoding::value::named_value;
use crate::time;

/// Upper limit for hours and days. 2^32 hours are over 400,000 years, and no sum overflows.
pub(crate) const MAX_SPAN: u64 = 1 << 32;

/// Interval between validations, and grace period for a license without a new validation. Both
/// start at the last validation.
///
/// ```
/// use license_core::policy::CheckIn;
/// use license_core::chrono::TimeDelta;
///
/// let daily = CheckIn::new(TimeDelta::days(1), TimeDelta::days(7)).ok_or("out of range")?;
/// assert_eq!(daily.to_string(), "every 24 hours; valid for 168 hours without check-in");
/// let json = serde_json::to_string(&daily)?;
/// assert_eq!(json, r#"{"every_hours":24,"grace_hours":168}"#);
/// assert_eq!(serde_json::from_str::<CheckIn>(&json)?, daily);
/// let shorter = CheckIn::new(TimeDelta::days(7), TimeDelta::days(1));
/// assert!(shorter.is_none(), "the grace period would end before the check-in");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedCheckIn")]
pub struct CheckIn {
    every_hours: u64,
    grace_hours: u64,
}

impl CheckIn {
    /// Creates a check-in policy from two durations in whole hours, from 1 to 2^32 hours each.
    /// Returns `None` if a duration is out of range or not in whole hours, or if the grace period
    /// would end before the next check-in is due.
    ///
    /// ```
    /// use license_core::policy::CheckIn;
    /// use license_core::chrono::TimeDelta;
    ///
    /// let check_in = CheckIn::new(TimeDelta::hours(24), TimeDelta::hours(168));
    /// assert!(check_in.is_some());
    /// ```
    pub fn new(every: TimeDelta, grace: TimeDelta) -> Option<Self> {
        Self::from_hours(whole_hours(every)?, whole_hours(grace)?)
    }

    /// Creates a check-in policy from two numbers of hours.
    pub(crate) fn from_hours(every_hours: u64, grace_hours: u64) -> Option<Self> {
        let in_bounds = every_hours >= 1 && every_hours <= grace_hours && grace_hours <= MAX_SPAN;
        in_bounds.then_some(Self {
            every_hours,
            grace_hours,
        })
    }

    /// Returns the duration until the next validation is due, in whole hours.
    ///
    /// ```
    /// use license_core::policy::CheckIn;
    /// use license_core::chrono::TimeDelta;
    ///
    /// let check_in = CheckIn::new(TimeDelta::hours(24), TimeDelta::hours(168)).ok_or("invalid")?;
    /// assert_eq!(check_in.every(), TimeDelta::hours(24));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn every(self) -> TimeDelta {
        time::hours(self.every_hours)
    }

    /// Returns the duration for which the license stays valid without validation, in whole hours.
    ///
    /// ```
    /// use license_core::policy::CheckIn;
    /// use license_core::chrono::TimeDelta;
    ///
    /// let check_in = CheckIn::new(TimeDelta::hours(24), TimeDelta::hours(168)).ok_or("invalid")?;
    /// assert_eq!(check_in.grace(), TimeDelta::hours(168));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grace(self) -> TimeDelta {
        time::hours(self.grace_hours)
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
/// use license_core::policy::Renewal;
/// use license_core::chrono::TimeDelta;
///
/// let renewal = Renewal::new(TimeDelta::days(14), TimeDelta::days(3)).ok_or("out of range")?;
/// assert_eq!(renewal.grace(), TimeDelta::hours(72));
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
    /// Creates a renewal policy from a notice period in whole days and a grace period in whole
    /// hours. Zero means no notice or no grace period. Returns `None` if a duration is negative, is
    /// not in whole units, or is longer than 2^32 units.
    ///
    /// ```
    /// use license_core::policy::Renewal;
    /// use license_core::chrono::TimeDelta;
    ///
    /// assert!(Renewal::new(TimeDelta::days(14), TimeDelta::hours(72)).is_some());
    /// ```
    pub fn new(notify: TimeDelta, grace: TimeDelta) -> Option<Self> {
        let days = whole_units(notify.num_days(), notify, TimeDelta::try_days)?;
        Self::from_days_and_hours(days, whole_hours(grace)?)
    }

    /// Creates a renewal policy from the days before the end and the hours after the end.
    pub(crate) fn from_days_and_hours(notify_days: u64, grace_hours: u64) -> Option<Self> {
        let in_bounds = notify_days <= MAX_SPAN && grace_hours <= MAX_SPAN;
        in_bounds.then_some(Self {
            notify_days,
            grace_hours,
        })
    }

    /// Returns the duration before the end of a license in which evaluation warns, in whole days.
    ///
    /// ```
    /// use license_core::policy::Renewal;
    /// use license_core::chrono::TimeDelta;
    ///
    /// let renewal = Renewal::new(TimeDelta::days(14), TimeDelta::hours(72)).ok_or("invalid")?;
    /// assert_eq!(renewal.notify(), TimeDelta::days(14));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn notify(self) -> TimeDelta {
        time::days(self.notify_days)
    }

    /// Returns the duration for which the license stays valid after its end, in whole hours.
    ///
    /// ```
    /// use license_core::policy::Renewal;
    /// use license_core::chrono::TimeDelta;
    ///
    /// let renewal = Renewal::new(TimeDelta::days(14), TimeDelta::hours(72)).ok_or("invalid")?;
    /// assert_eq!(renewal.grace(), TimeDelta::hours(72));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grace(self) -> TimeDelta {
        time::hours(self.grace_hours)
    }
}

/// Returns the number of hours, or `None` unless the duration is a number of whole hours.
fn whole_hours(duration: TimeDelta) -> Option<u64> {
    whole_units(duration.num_hours(), duration, TimeDelta::try_hours)
}

/// Returns `count`, or `None` unless `duration` consists of `count` units and is not negative.
fn whole_units(count: i64, duration: TimeDelta, unit: fn(i64) -> Option<TimeDelta>) -> Option<u64> {
    let is_whole = unit(count) == Some(duration);
    u64::try_from(count).ok().filter(|_| is_whole)
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
        Self::from_hours(unchecked.every_hours, unchecked.grace_hours)
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
        Self::from_days_and_hours(unchecked.notify_days, unchecked.grace_hours)
            .ok_or("`notify_days` and `grace_hours` of at most 2^32")
    }
}

/// Purpose for which the product is used.
///
/// ```
/// use license_core::policy::UsageType;
///
/// let usage: UsageType = "runtime".parse()?;
/// assert_eq!(usage, UsageType::Runtime);
/// assert_eq!(UsageType::default().to_string(), "builder");
/// # Ok::<(), license_core::encoding::ValueError>(())
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
    ///
    /// ```
    /// assert_eq!(license_core::policy::UsageType::Runtime.as_str(), "runtime");
    /// ```
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
