//! Quotas: how much was used on a day, and how much is left.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::policy::Quota;
use crate::time::Timestamp;

const SECONDS_PER_DAY: u64 = 86_400;

/// So many days before the present one are remembered, and so many after it: those that a wrong clock has been through.
pub(crate) const REMEMBERED: u64 = 64;

/// A quota is low from this part of it on: four fifths.
const LOW: (u64, u64) = (4, 5);

/// What was used of each quota on each UTC day.
///
/// The caller says which day it is: by [`HighWater::counted_at`](crate::state::HighWater::counted_at), never by a clock alone, which can be set. Days that a wrong clock has been
/// through stay used until they have passed.
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By days since 1970-01-01.
    days: BTreeMap<u64, Counts>,
}

type Counts = BTreeMap<Box<str>, u64>;

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
            asked: count,
            used,
            limit,
            refills_at: start(today.saturating_add(1)),
        }
    }

    fn forget(&mut self, today: u64) {
        let from = today.saturating_sub(REMEMBERED);
        self.days = self.days.split_off(&from);
        let after = |days: &BTreeMap<u64, Counts>| days.range(today.saturating_add(1)..).count();
        while u64::try_from(after(&self.days)).is_ok_and(|after| after > REMEMBERED) {
            self.days.pop_last();
        }
    }

    /// What two copies know together: on each day of each quota the higher count.
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

    /// Everything by name, for [`Tally::from_json`].
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Reads what [`Tally::to_json`] wrote, or returns `None` for anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
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
    fn a_day_that_comes_again_is_as_used_as_it_was() {
        let mut tally = Tally::default();
        for day in ["2027-03-01", "2027-03-02", "2027-03-03"] {
            assert!(take(&mut tally, 10, day).granted);
        }
        for day in ["2027-03-01", "2027-03-02", "2027-03-03"] {
            assert!(!take(&mut tally, 1, day).granted);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_never_forgets_today() {
        let mut tally = Tally::default();
        for day in 0..1000 {
            let _ = tally.take(
                "commands",
                1,
                LIMIT,
                at("2099-01-01").plus(day * SECONDS_PER_DAY),
            );
        }
        assert_eq!(tally.days.len(), 65);
        assert!(take(&mut tally, 10, "2027-03-01").granted);
        assert!(!take(&mut tally, 1, "2027-03-01").granted);
        assert_eq!(tally.days.len(), 65);
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
    fn two_copies_know_the_higher_count_of_each_day() {
        let of = |count, now| {
            let mut tally = Tally::default();
            let _ = take(&mut tally, count, now);
            tally
        };
        let (few, many) = (of(3, "2027-03-01"), of(5, "2027-03-01"));
        assert_eq!(few.clone().merged(many.clone()), many);
        assert_eq!(many.clone().merged(few), many);
        let mut both = many.merged(of(1, "2027-03-02"));
        assert_eq!(take(&mut both, 0, "2027-03-01").used, 5);
        assert_eq!(take(&mut both, 0, "2027-03-02").used, 1);
    }

    #[test]
    fn a_tally_reads_as_it_is_written() {
        let mut tally = Tally::default();
        let _ = take(&mut tally, 9, "2027-03-01");
        assert_eq!(Tally::from_json(&tally.to_json()), Some(tally));
        for wrong in [
            "{}",
            r#"{"days":{"-1":{}}}"#,
            r#"{"days":{"1":{"a":"1"}}}"#,
            "[]",
        ] {
            let value: Value = serde_json::from_str(wrong).unwrap();
            assert_eq!(Tally::from_json(&value), None, "{wrong}");
        }
    }
}
