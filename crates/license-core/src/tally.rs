//! Quotas: how much was used on a day, and how much is left.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Quota, Timestamp};

const SECONDS_PER_DAY: u64 = 86_400;

/// A quota is low from this part of it on: four fifths.
const LOW: (u64, u64) = (4, 5);

/// What was used of each quota on one UTC day.
///
/// A day never comes again: counts of an earlier day are gone, and those of a later day stand until it has passed.
///
/// ```
/// use license_core::{Quota, Tally, Timestamp};
///
/// let noon = Timestamp::parse("2027-03-01T12:00:00Z")?;
/// let mut tally = Tally::default();
/// assert!(tally.take("commands_per_day", 9, Quota::Limit(10), noon).granted);
///
/// let refused = tally.take("commands_per_day", 2, Quota::Limit(10), noon);
/// assert!(!refused.granted);
/// assert_eq!((refused.used, refused.remaining()), (9, Quota::Limit(1)));
/// assert_eq!(refused.refills_at.to_string(), "2027-03-02T00:00:00Z");
/// # Ok::<(), license_core::TimeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Days since 1970-01-01.
    day: u64,
    used: BTreeMap<Box<str>, u64>,
}

/// What came of asking for a part of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct QuotaUse {
    /// Whether it was granted, all of it.
    pub granted: bool,
    /// How much was asked for.
    pub asked: u64,
    /// How much has been used on this day, with what was granted now.
    pub used: u64,
    /// The quota.
    pub limit: Quota,
    /// When the next day begins.
    pub refills_at: Timestamp,
}

impl QuotaUse {
    /// What is left.
    pub fn remaining(&self) -> Quota {
        match self.limit {
            Quota::Unlimited => Quota::Unlimited,
            Quota::Limit(limit) => Quota::Limit(limit.saturating_sub(self.used)),
        }
    }

    /// Whether four fifths of it are used.
    pub fn is_low(&self) -> bool {
        let (part, whole) = LOW;
        match self.limit {
            Quota::Unlimited => false,
            Quota::Limit(limit) => {
                u128::from(self.used) * u128::from(whole) >= u128::from(limit) * u128::from(part)
            }
        }
    }
}

impl Tally {
    /// Takes `count` from the quota on the day of `now`, all of it or nothing. Nothing is counted of what is refused; zero asks
    /// how much is left.
    pub fn take(&mut self, quota: &str, count: u64, limit: Quota, now: Timestamp) -> QuotaUse {
        let today = day(now);
        if today > self.day {
            self.day = today;
            self.used.clear();
        }
        let used = self.used.get(quota).copied().unwrap_or(0);
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
            self.used.insert(quota.into(), used);
        }
        QuotaUse {
            granted,
            asked: count,
            used,
            limit,
            refills_at: start(self.day.saturating_add(1)),
        }
    }

    /// Brings a day back that a wrong clock had pushed into the future, with what was used on it.
    pub fn not_after(&mut self, now: Timestamp) {
        self.day = self.day.min(day(now));
    }

    /// What two copies know together: the later day's counts; on one day of each quota the higher.
    pub fn merged(self, other: Self) -> Self {
        let (mut later, earlier) = if self.day >= other.day {
            (self, other)
        } else {
            (other, self)
        };
        if later.day == earlier.day {
            for (quota, count) in earlier.used {
                let used = later.used.entry(quota).or_default();
                *used = count.max(*used);
            }
        }
        later
    }

    /// Everything by name, for [`Tally::from_json`].
    pub fn to_json(&self) -> Value {
        json!({ "day": self.day, "used": self.used })
    }

    /// Reads what [`Tally::to_json`] wrote; `None` if it is anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let count =
            |(quota, used): (&String, &Value)| Some((quota.as_str().into(), used.as_u64()?));
        let used = value.get("used")?.as_object()?;
        Some(Self {
            day: value.get("day")?.as_u64()?,
            used: used.iter().map(count).collect::<Option<_>>()?,
        })
    }
}

fn day(now: Timestamp) -> u64 {
    now.unix_seconds() / SECONDS_PER_DAY
}

fn start(day: u64) -> Timestamp {
    Timestamp::from_unix_seconds(day.saturating_mul(SECONDS_PER_DAY)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Quota = Quota::Limit(10);

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn take(tally: &mut Tally, count: u64, now: &str) -> QuotaUse {
        tally.take("commands", count, LIMIT, at(now))
    }

    #[test]
    fn a_day_ends_at_midnight_utc_and_not_before() {
        let mut tally = Tally::default();
        assert!(take(&mut tally, 10, "2027-03-01T00:00:00Z").granted);
        assert!(!take(&mut tally, 1, "2027-03-01T23:59:59Z").granted);
        assert!(take(&mut tally, 1, "2027-03-02T00:00:00Z").granted);
    }

    #[test]
    fn an_earlier_day_does_not_come_again() {
        let mut tally = Tally::default();
        assert!(take(&mut tally, 10, "2027-03-02").granted);
        let refused = take(&mut tally, 1, "2027-03-01");
        assert!(!refused.granted);
        assert_eq!(refused.refills_at, at("2027-03-03"));
    }

    #[test]
    fn what_is_refused_is_not_counted() {
        let mut tally = Tally::default();
        assert!(take(&mut tally, 8, "2027-03-01").granted);
        for too_many in [3, u64::MAX] {
            let refused = take(&mut tally, too_many, "2027-03-01");
            assert!(!refused.granted);
            assert_eq!((refused.used, refused.remaining()), (8, Quota::Limit(2)));
        }
        assert!(take(&mut tally, 2, "2027-03-01").granted);
    }

    #[test]
    fn asking_how_much_is_left_uses_nothing_even_of_what_is_used_up() {
        let mut tally = Tally::default();
        assert!(take(&mut tally, 10, "2027-03-01").granted);
        let asked = take(&mut tally, 0, "2027-03-01");
        assert!(asked.granted);
        assert_eq!((asked.used, asked.remaining()), (10, Quota::Limit(0)));
        // As after a downgrade.
        let smaller = tally.take("commands", 0, Quota::Limit(5), at("2027-03-01"));
        assert_eq!(smaller.remaining(), Quota::Limit(0));
    }

    #[test]
    fn a_quota_is_low_from_four_fifths_on() {
        let mut tally = Tally::default();
        assert!(!take(&mut tally, 7, "2027-03-01").is_low());
        assert!(take(&mut tally, 1, "2027-03-01").is_low());
        let unlimited = tally.take("agents", u64::MAX, Quota::Unlimited, at("2027-03-01"));
        assert!(unlimited.granted && !unlimited.is_low());
        let more = tally.take("agents", 1, Quota::Unlimited, at("2027-03-01"));
        assert_eq!(more.used, u64::MAX);
    }

    #[test]
    fn two_copies_know_the_later_day_and_the_higher_count() {
        let of = |count, now| {
            let mut tally = Tally::default();
            let _ = take(&mut tally, count, now);
            tally
        };
        let (few, many) = (of(3, "2027-03-01"), of(5, "2027-03-01"));
        let tomorrow = of(1, "2027-03-02");
        assert_eq!(few.clone().merged(many.clone()), many);
        assert_eq!(many.clone().merged(few), many);
        assert_eq!(many.merged(tomorrow.clone()), tomorrow);
    }

    #[test]
    fn a_day_in_the_future_is_brought_back_with_its_counts() {
        let mut tally = Tally::default();
        assert!(take(&mut tally, 9, "2099-03-01").granted);
        tally.not_after(at("2027-03-01"));
        assert_eq!(take(&mut tally, 0, "2027-03-01").used, 9);
        assert_eq!(take(&mut tally, 0, "2027-03-02").used, 0);
    }

    #[test]
    fn a_tally_reads_as_it_is_written() {
        let mut tally = Tally::default();
        let _ = take(&mut tally, 9, "2027-03-01");
        assert_eq!(Tally::from_json(&tally.to_json()), Some(tally));
        for wrong in [
            "{}",
            r#"{"day":-1,"used":{}}"#,
            r#"{"day":1,"used":{"a":"1"}}"#,
            "[]",
        ] {
            let value: Value = serde_json::from_str(wrong).unwrap();
            assert_eq!(Tally::from_json(&value), None, "{wrong}");
        }
    }
}
