//! Meters: what is summed, how much of it each tier includes, and what happens beyond.

use std::collections::BTreeMap;
use std::fmt;

use license_core::Tier;

use super::{FactKind, UsageDay};

/// The source of a meter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MeterSource {
    /// The used amount of a quota, from usage reports.
    Quota(String),
    /// The number of activations.
    Activations,
    /// The sum over all hours of the most seats that were held at once in the hour.
    SeatHours,
    /// The most seats that were held at once in the period.
    PeakSeats,
}

impl MeterSource {
    /// Returns the amount of a period with these days, without adjustments.
    fn amount<'a>(&self, days: impl Iterator<Item = &'a UsageDay>) -> i64 {
        let of_kind = |kind| move |day: &&UsageDay| day.kind == kind;
        let sum = |days: &mut dyn Iterator<Item = &'a UsageDay>| {
            days.fold(0_i64, |sum, day| sum.saturating_add(day.sum))
        };
        match self {
            Self::Quota(name) => {
                let of_quota = |day: &&UsageDay| day.name == *name;
                sum(&mut days.filter(of_kind(FactKind::Quota)).filter(of_quota))
            }
            Self::Activations => sum(&mut days.filter(of_kind(FactKind::Activation))),
            Self::SeatHours => sum(&mut days.filter(of_kind(FactKind::Seats))),
            Self::PeakSeats => {
                let peaks = days.filter(of_kind(FactKind::Seats)).map(|day| day.max);
                peaks.max().unwrap_or(0)
            }
        }
    }
}

/// Prints the source as the file of the meters states it.
impl fmt::Display for MeterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quota(name) => write!(f, "quota:{name}"),
            Self::Activations => f.write_str("activations"),
            Self::SeatHours => f.write_str("seat_hours"),
            Self::PeakSeats => f.write_str("peak_seats"),
        }
    }
}

/// The policy for use above the included amount. It never stops a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OveragePolicy {
    /// The amount is only recorded.
    Allow,
    /// The vendor gets events at 80 % and 100 % of the included amount.
    Notify,
    /// As [`Notify`](Self::Notify), and the billing provider gets the overage.
    Bill,
}

impl OveragePolicy {
    /// All policies.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Notify, Self::Bill];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Notify => "notify",
            Self::Bill => "bill",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

/// A meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// The name: letters a to z, digits and `_`.
    pub name: String,
    /// The source of the amounts.
    pub source: MeterSource,
    /// The name of the unit for people, such as `commands`.
    pub unit: String,
    /// The policy for amounts above the included one.
    pub overage: OveragePolicy,
    /// The name of the meter at the billing provider. Only a meter with [`OveragePolicy::Bill`] has
    /// one.
    pub event: Option<String>,
    /// The included amount of each tier. `None`: no limit. Without a tier, nothing is included.
    pub(super) included: BTreeMap<Tier, Option<u64>>,
}

impl Meter {
    /// Returns the amount that a license of a tier includes in each period. `None`: no limit.
    pub fn included(&self, tier: Tier) -> Option<u64> {
        self.included.get(&tier).copied().unwrap_or(Some(0))
    }

    /// Returns the tiers with their included amounts.
    pub fn tiers(&self) -> impl Iterator<Item = (Tier, Option<u64>)> {
        self.included.iter().map(|(tier, amount)| (*tier, *amount))
    }

    /// Returns the amount of a period with these days. Adjustments can reduce it to 0.
    pub fn amount(&self, days: &[&UsageDay]) -> i64 {
        let adjusted = days
            .iter()
            .filter(|day| day.kind == FactKind::Adjustment && day.name == self.name)
            .fold(0_i64, |sum, day| sum.saturating_add(day.sum));
        let amount = self.source.amount(days.iter().copied());
        amount.saturating_add(adjusted).max(0)
    }

    /// Returns the amount that was reported and is not counted, because it may be counted already.
    pub fn set_aside(&self, days: &[&UsageDay]) -> i64 {
        let MeterSource::Quota(name) = &self.source else {
            return 0;
        };
        let days = days.iter();
        let days = days.filter(|day| day.kind == FactKind::Quota && day.name == *name);
        days.fold(0_i64, |sum, day| sum.saturating_add(day.set_aside))
    }

    /// Returns the part of an amount above the included one. `None`: everything is included.
    pub fn overage(amount: i64, included: Option<u64>) -> i64 {
        let included = included.map_or(i64::MAX, |included| {
            i64::try_from(included).unwrap_or(i64::MAX)
        });
        amount.saturating_sub(included).max(0)
    }
}

/// The meters of a product, in the order of their file. A product without a file has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterSet(pub(super) Vec<Meter>);

impl MeterSet {
    /// Returns the meters.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Meter> {
        self.0.iter()
    }

    /// Returns the meter with a name.
    pub fn get(&self, name: &str) -> Option<&Meter> {
        self.0.iter().find(|meter| meter.name == name)
    }

    /// Returns whether there are no meters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use license_core::FeatureMatrix;

    use super::*;

    fn day(kind: FactKind, name: &str, sum: i64, max: i64) -> UsageDay {
        UsageDay {
            day: "2027-01-01".parse().unwrap(),
            kind,
            name: name.to_owned(),
            sum,
            max,
            set_aside: 0,
        }
    }

    fn meter(source: &str) -> Meter {
        let text = format!("[[meters]]\nname = \"m\"\nsource = \"{source}\"\n");
        let set = MeterSet::parse(&text, FeatureMatrix::built_in()).unwrap();
        set.0.into_iter().next().unwrap()
    }

    #[test]
    fn each_source_has_its_own_amount() {
        let days = [
            day(FactKind::Quota, "commands_per_day", 30, 20),
            day(FactKind::Quota, "commands_per_day", 12, 12),
            day(FactKind::Quota, "other", 1000, 1000),
            day(FactKind::Activation, "", 4, 1),
            day(FactKind::Seats, "", 50, 7),
            day(FactKind::Seats, "", 20, 9),
            day(FactKind::Adjustment, "m", -2, -2),
            day(FactKind::Adjustment, "other", 500, 500),
        ];
        let days: Vec<_> = days.iter().collect();
        for (source, expected) in [
            ("quota:commands_per_day", 40),
            ("activations", 2),
            ("seat_hours", 68),
            ("peak_seats", 7),
        ] {
            assert_eq!(meter(source).amount(&days), expected, "{source}");
        }
        let credit = day(FactKind::Adjustment, "m", -5, -5);
        assert_eq!(meter("activations").amount(&[&credit]), 0);
    }

    #[test]
    fn the_overage_is_what_is_above_the_included_amount() {
        assert_eq!(Meter::overage(5, Some(5)), 0);
        assert_eq!(Meter::overage(6, Some(5)), 1);
        assert_eq!(Meter::overage(6, Some(0)), 6);
        assert_eq!(Meter::overage(i64::MAX, None), 0);
        assert_eq!(Meter::overage(5, Some(u64::MAX)), 0);
    }
}
