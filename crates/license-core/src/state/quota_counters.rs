//! Counters of daily quotas.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::code::Code;
use crate::policy::Quota;
use crate::time::{self, serde_rfc3339};

/// Maximum number of days before today, and of days after today, that are remembered. Amounts are
/// counted on days after today if the clock was wrong.
pub(crate) const REMEMBERED_DAYS: u64 = 64;

const SECONDS_PER_DAY: u64 = 86_400;

/// The used share from which a quota is low: four fifths.
const LOW_THRESHOLD: (u64, u64) = (4, 5);

/// The used amount of each quota on each UTC day.
///
/// The caller passes the time from
/// [`ClockHighWater::quota_time`](crate::state::ClockHighWater::quota_time). The clock alone is not
/// enough, because users can set it. Amounts that were counted under a wrong clock stay counted for
/// their day.
///
/// ```
/// use license_core::time;
/// use license_core::policy::Quota;
/// use license_core::state::QuotaCounters;
///
/// let noon = time::parse_instant("2027-03-01T12:00:00Z")?;
/// let mut counters = QuotaCounters::default();
/// assert!(counters.take("commands_per_day", 9, Quota::Limit(10), noon).granted);
///
/// let refused = counters.take("commands_per_day", 2, Quota::Limit(10), noon);
/// assert!(!refused.granted);
/// assert_eq!((refused.used, refused.remaining()), (9, Quota::Limit(1)));
/// assert_eq!(refused.refills_at, time::parse_instant("2027-03-02")?);
/// # Ok::<(), license_core::time::TimeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaCounters {
    /// Counters by days since 1970-01-01.
    days: BTreeMap<u64, CountersOfDay>,
}

type CountersOfDay = BTreeMap<Box<str>, u64>;

/// Result of a request for a part of a quota.
///
/// The JSON form is `{granted, code, asked, used, limit, remaining, refills_at}`.
///
/// ```
/// use license_core::time;
/// use license_core::policy::Quota;
/// use license_core::state::QuotaCounters;
///
/// let mut counters = QuotaCounters::default();
/// let now = time::parse_instant("2027-03-01")?;
/// let result = counters.take("exports", 1, Quota::Limit(3), now);
/// println!("{} of {} used; more from {}", result.used, result.limit, result.refills_at);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct QuotaUse {
    /// Whether the whole amount was granted.
    pub granted: bool,
    /// The requested amount. In JSON, this member is named `asked`.
    pub requested: u64,
    /// The amount used on this day, including an amount that was granted now.
    pub used: u64,
    /// The quota.
    pub limit: Quota,
    /// The start of the next day.
    pub refills_at: DateTime<Utc>,
}

impl QuotaUse {
    /// Returns the reason code: `VALID` if the amount was granted, otherwise `QUOTA_EXHAUSTED`.
    ///
    /// ```
    /// use license_core::{Code, time};
    /// use license_core::policy::Quota;
    /// use license_core::state::QuotaCounters;
    ///
    /// let mut counters = QuotaCounters::default();
    /// let now = time::parse_instant("2027-03-01")?;
    /// assert_eq!(counters.take("exports", 3, Quota::Limit(3), now).code(), Code::Valid);
    /// assert_eq!(counters.take("exports", 1, Quota::Limit(3), now).code(), Code::QuotaExhausted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn code(&self) -> Code {
        if self.granted {
            Code::Valid
        } else {
            Code::QuotaExhausted
        }
    }

    /// Returns the remaining amount.
    ///
    /// ```
    /// use license_core::time;
    /// use license_core::policy::Quota;
    /// use license_core::state::QuotaCounters;
    ///
    /// let mut counters = QuotaCounters::default();
    /// let now = time::parse_instant("2027-03-01")?;
    /// let result = counters.take("exports", 1, Quota::Limit(3), now);
    /// assert_eq!(result.remaining(), Quota::Limit(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remaining(&self) -> Quota {
        match self.limit {
            Quota::Unlimited => Quota::Unlimited,
            Quota::Limit(limit) => Quota::Limit(limit.saturating_sub(self.used)),
        }
    }

    /// Returns whether at least four fifths of the quota are used.
    ///
    /// ```
    /// use license_core::time;
    /// use license_core::policy::Quota;
    /// use license_core::state::QuotaCounters;
    ///
    /// let mut counters = QuotaCounters::default();
    /// let now = time::parse_instant("2027-03-01")?;
    /// assert!(!counters.take("exports", 1, Quota::Limit(10), now).is_low());
    /// assert!(counters.take("exports", 7, Quota::Limit(10), now).is_low());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_low(&self) -> bool {
        let (part, whole) = LOW_THRESHOLD;
        match self.limit {
            Quota::Unlimited => false,
            Quota::Limit(limit) => {
                u128::from(self.used) * u128::from(whole) >= u128::from(limit) * u128::from(part)
            }
        }
    }
}

#[derive(Serialize)]
struct QuotaUseMembers<'a> {
    granted: bool,
    code: &'a str,
    asked: u64,
    used: u64,
    limit: Quota,
    remaining: Quota,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    refills_at: DateTime<Utc>,
}

impl Serialize for QuotaUse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = QuotaUseMembers {
            granted: self.granted,
            code: self.code().as_str(),
            asked: self.requested,
            used: self.used,
            limit: self.limit,
            remaining: self.remaining(),
            refills_at: self.refills_at,
        };
        members.serialize(serializer)
    }
}

impl QuotaCounters {
    /// Takes `count` from the quota on the day of `now`, either the whole amount or nothing. A
    /// refused request is not counted. A request for 0 returns the remaining amount.
    ///
    /// ```
    /// use license_core::time;
    /// use license_core::policy::Quota;
    /// use license_core::state::QuotaCounters;
    ///
    /// let mut counters = QuotaCounters::default();
    /// let now = time::parse_instant("2027-03-01")?;
    /// assert!(counters.take("exports", 2, Quota::Limit(3), now).granted);
    /// // Either the whole amount or nothing.
    /// assert!(!counters.take("exports", 2, Quota::Limit(3), now).granted);
    /// assert!(counters.take("exports", 1, Quota::Limit(3), now).granted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take(&mut self, quota: &str, count: u64, limit: Quota, now: DateTime<Utc>) -> QuotaUse {
        let today = day(now);
        let used = self.days.get(&today).and_then(|counts| counts.get(quota));
        let used = used.copied().unwrap_or(0);
        let total = used.checked_add(count);
        let granted = match limit {
            Quota::Unlimited => true,
            Quota::Limit(limit) => count == 0 || total.is_some_and(|total| total <= limit),
        };
        let used = if granted {
            total.unwrap_or(u64::MAX)
        } else {
            used
        };
        if granted && count > 0 {
            let counts = self.days.entry(today).or_default();
            counts.insert(quota.into(), used);
            self.forget(today);
        }
        QuotaUse {
            granted,
            requested: count,
            used,
            limit,
            refills_at: start(today.saturating_add(1)),
        }
    }

    /// Removes days that are too far in the past or the future.
    fn forget(&mut self, today: u64) {
        let from = today.saturating_sub(REMEMBERED_DAYS);
        self.days = self.days.split_off(&from);
        let tomorrow = today.saturating_add(1);
        let count_future = |days: &BTreeMap<u64, _>| days.range(tomorrow..).count();
        while u64::try_from(count_future(&self.days)).is_ok_and(|days| days > REMEMBERED_DAYS) {
            self.days.pop_last();
        }
    }

    /// Merges two copies. Keeps the higher counter of each quota on each day.
    ///
    /// ```
    /// use license_core::time;
    /// use license_core::policy::Quota;
    /// use license_core::state::QuotaCounters;
    ///
    /// let mut counters = QuotaCounters::default();
    /// let now = time::parse_instant("2027-03-01")?;
    /// let _ = counters.take("exports", 2, Quota::Limit(3), now);
    /// let mut both = QuotaCounters::default().merged(counters);
    /// assert!(!both.take("exports", 2, Quota::Limit(3), now).granted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merged(mut self, other: Self) -> Self {
        for (day, counts) in other.days {
            let own = self.days.entry(day).or_default();
            for (quota, count) in counts {
                let used = own.entry(quota).or_default();
                *used = count.max(*used);
            }
        }
        self
    }

    /// Returns the JSON form that [`QuotaCounters::from_json`] reads.
    ///
    /// ```
    /// use license_core::time;
    /// use license_core::policy::Quota;
    /// use license_core::state::QuotaCounters;
    ///
    /// let mut counters = QuotaCounters::default();
    /// let now = time::parse_instant("2027-03-01")?;
    /// let _ = counters.take("exports", 2, Quota::Limit(3), now);
    /// let stored = QuotaCounters::from_json(&counters.to_json()).ok_or("damaged")?;
    /// assert_eq!(stored.to_json(), counters.to_json());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Reads the JSON form. Returns `None` if `value` is not the result of
    /// [`QuotaCounters::to_json`].
    ///
    /// ```
    /// use license_core::state::QuotaCounters;
    ///
    /// let json = QuotaCounters::default().to_json();
    /// assert!(QuotaCounters::from_json(&json).is_some());
    /// ```
    pub fn from_json(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }
}

fn day(now: DateTime<Utc>) -> u64 {
    time::unix_seconds(now) / SECONDS_PER_DAY
}

fn start(day: u64) -> DateTime<Utc> {
    time::from_unix_seconds(day.saturating_mul(SECONDS_PER_DAY)).unwrap_or(time::MAX)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const LIMIT: Quota = Quota::Limit(10);

    fn at(text: &str) -> DateTime<Utc> {
        time::parse_instant(text).unwrap()
    }

    fn take(counters: &mut QuotaCounters, count: u64, now: &str) -> QuotaUse {
        counters.take("commands", count, LIMIT, at(now))
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let mut counters = QuotaCounters::default();
        assert!(take(&mut counters, 10, "2027-03-01T00:00:00Z").granted);
        assert!(!take(&mut counters, 1, "2027-03-01T23:59:59Z").granted);
        assert!(take(&mut counters, 1, "2027-03-02T00:00:00Z").granted);
    }

    #[test]
    fn a_repeated_day_keeps_its_counters() {
        let mut counters = QuotaCounters::default();
        for day in ["2027-03-01", "2027-03-02", "2027-03-03"] {
            assert!(take(&mut counters, 10, day).granted);
        }
        for day in ["2027-03-01", "2027-03-02", "2027-03-03"] {
            assert!(!take(&mut counters, 1, day).granted);
        }
    }

    #[test]
    fn the_number_of_days_is_bounded_and_today_is_never_forgotten() {
        let mut counters = QuotaCounters::default();
        for day in 0..1000 {
            let _ = counters.take(
                "commands",
                1,
                LIMIT,
                at("2099-01-01") + TimeDelta::days(day),
            );
        }
        assert_eq!(counters.days.len(), 65);
        assert!(take(&mut counters, 10, "2027-03-01").granted);
        assert!(!take(&mut counters, 1, "2027-03-01").granted);
        assert_eq!(counters.days.len(), 65);
    }

    #[test]
    fn a_refused_request_is_not_counted() {
        let mut counters = QuotaCounters::default();
        assert!(take(&mut counters, 8, "2027-03-01").granted);
        for too_many in [3, u64::MAX] {
            let refused = take(&mut counters, too_many, "2027-03-01");
            assert!(!refused.granted);
            assert_eq!((refused.used, refused.remaining()), (8, Quota::Limit(2)));
        }
        assert!(take(&mut counters, 2, "2027-03-01").granted);
    }

    #[test]
    fn a_request_for_0_uses_nothing_and_is_granted_for_an_exhausted_quota() {
        let mut counters = QuotaCounters::default();
        assert!(take(&mut counters, 10, "2027-03-01").granted);
        let shown = take(&mut counters, 0, "2027-03-01");
        assert!(shown.granted);
        assert_eq!((shown.used, shown.remaining()), (10, Quota::Limit(0)));
        // The limit is lower than the used amount after a downgrade.
        let smaller = counters.take("commands", 0, Quota::Limit(5), at("2027-03-01"));
        assert_eq!(smaller.remaining(), Quota::Limit(0));
    }

    #[test]
    fn a_quota_is_low_from_four_fifths() {
        let mut counters = QuotaCounters::default();
        assert!(!take(&mut counters, 7, "2027-03-01").is_low());
        assert!(take(&mut counters, 1, "2027-03-01").is_low());
        let unlimited = counters.take("agents", u64::MAX, Quota::Unlimited, at("2027-03-01"));
        assert!(unlimited.granted && !unlimited.is_low());
        let more = counters.take("agents", 1, Quota::Unlimited, at("2027-03-01"));
        assert_eq!(more.used, u64::MAX);
    }

    #[test]
    fn merging_keeps_the_higher_counter_of_each_day() {
        let with_count = |count, now| {
            let mut counters = QuotaCounters::default();
            let _ = take(&mut counters, count, now);
            counters
        };
        let (few, many) = (with_count(3, "2027-03-01"), with_count(5, "2027-03-01"));
        assert_eq!(few.clone().merged(many.clone()), many);
        assert_eq!(many.clone().merged(few), many);
        let mut both = many.merged(with_count(1, "2027-03-02"));
        assert_eq!(take(&mut both, 0, "2027-03-01").used, 5);
        assert_eq!(take(&mut both, 0, "2027-03-02").used, 1);
    }

    #[test]
    fn the_json_form_round_trips() {
        let mut counters = QuotaCounters::default();
        let _ = take(&mut counters, 9, "2027-03-01");
        assert_eq!(
            QuotaCounters::from_json(&counters.to_json()),
            Some(counters)
        );
        for wrong in [
            "{}",
            r#"{"days":{"-1":{}}}"#,
            r#"{"days":{"1":{"a":"1"}}}"#,
            "[]",
        ] {
            let value: Value = serde_json::from_str(wrong).unwrap();
            assert_eq!(QuotaCounters::from_json(&value), None, "{wrong}");
        }
    }
}
