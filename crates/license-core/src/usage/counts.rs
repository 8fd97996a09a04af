//! What is counted of one license in one period.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::MAX_COUNT;
use super::line::{count, counts};
use crate::code::Code;
use crate::evaluate::Decision;
use crate::matrix::Matrix;

/// So many names of one sort are told apart; what comes after them counts as [`OTHERS`]. A script that asks for a thousand features by
/// names of its own can't make the state large.
const MOST_NAMES: usize = 64;
/// The same of sessions, of which a busy machine has more.
const MOST_SESSIONS: usize = 256;
/// Names are cut to so many bytes, between two characters.
const LONGEST_NAME: usize = 64;
/// What stands for all names past the bound, and for those that are nobody's.
const OTHERS: &str = "(others)";
/// A clock that is behind by no more is a matter of rounding: what the uptime says and what the clock shows differ by seconds.
const CLOCK_NOISE: u64 = 300;

type Names = BTreeMap<String, u64>;

/// How much of a quota was used, and how often more was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaCount {
    /// How much was granted.
    #[serde(deserialize_with = "count")]
    pub used: u64,
    /// How often what was asked for was refused, however much it was.
    #[serde(deserialize_with = "count")]
    pub refused: u64,
}

/// What is counted of one license in one period. Two copies of one count are [merged](Counts::merged); two counts are
/// [added](Counts::add).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    #[serde(serialize_with = "pairs")]
    pub(super) quotas: BTreeMap<String, QuotaCount>,
    #[serde(deserialize_with = "counts")]
    pub(super) denials: Names,
    #[serde(deserialize_with = "counts")]
    pub(super) features: Names,
    #[serde(deserialize_with = "counts")]
    pub(super) users: Names,
    #[serde(deserialize_with = "counts")]
    pub(super) sessions: Names,
    pub(super) behind: ClockBehind,
}

/// How often the clock was found behind the mark, and by how many seconds at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClockBehind(
    #[serde(deserialize_with = "count")] pub(super) u64,
    #[serde(deserialize_with = "count")] pub(super) u64,
);

/// Writes each quota as `[used, refused]`, which a machine's own state holds.
fn pairs<S: Serializer>(
    quotas: &BTreeMap<String, QuotaCount>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let pairs = quotas
        .iter()
        .map(|(name, count)| (name, [count.used, count.refused]));
    serializer.collect_map(pairs)
}

impl Counts {
    /// So much of a quota was used.
    pub fn used(quota: &str, count: u64) -> Self {
        let mut counts = Self::default();
        counts.quota(quota).used = count.min(MAX_COUNT);
        counts
    }

    /// A part of a quota was asked for and refused.
    pub fn quota_refused(quota: &str) -> Self {
        let mut counts = Self::denied(Code::QuotaExhausted);
        counts.quota(quota).refused = 1;
        counts
    }

    /// A feature was asked for and refused, for this reason.
    pub fn feature_refused(feature: &str, code: Code) -> Self {
        let mut counts = Self::denied(code);
        bump(&mut counts.features, feature, 1, MOST_NAMES);
        counts
    }

    /// A feature was asked for and refused, under this decision and for this reason. A name that neither the product nor the license knows can be anything,
    /// such as somebody's: it counts among the others.
    pub fn feature_refused_by(
        decision: &Decision,
        matrix: &Matrix,
        feature: &str,
        code: Code,
    ) -> Self {
        let in_license = decision.license();
        let in_license = in_license.is_some_and(|license| license.entitlements().allows(feature));
        match in_license || matrix.first_tier_with(feature).is_some() {
            true => Self::feature_refused(feature, code),
            false => Self::feature_refused(OTHERS, code),
        }
    }

    /// Something was denied for this reason.
    pub fn denied(code: Code) -> Self {
        let mut counts = Self::default();
        bump(&mut counts.denials, code.as_str(), 1, MOST_NAMES);
        counts
    }

    /// A session was opened.
    pub fn session(id: &str) -> Self {
        let mut counts = Self::default();
        bump(&mut counts.sessions, id, 1, MOST_SESSIONS);
        counts
    }

    /// The same, done for this user.
    #[must_use]
    pub fn by(mut self, user: Option<&str>) -> Self {
        if let Some(user) = user {
            bump(&mut self.users, user, 1, MOST_NAMES);
        }
        self
    }

    /// The same, with the clock so many seconds behind the latest time seen; a few minutes are none.
    #[must_use]
    pub fn with_clock_behind(mut self, seconds: u64) -> Self {
        if seconds > CLOCK_NOISE {
            self.behind = ClockBehind(1, seconds.min(MAX_COUNT));
        }
        self
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.quotas {
            let own = self.quota(name);
            own.used = sum(own.used, count.used);
            own.refused = sum(own.refused, count.refused);
        }
        for (own, more, most) in [
            (&mut self.denials, &other.denials, MOST_NAMES),
            (&mut self.features, &other.features, MOST_NAMES),
            (&mut self.users, &other.users, MOST_NAMES),
            (&mut self.sessions, &other.sessions, MOST_SESSIONS),
        ] {
            for (name, count) in more {
                bump(own, name, *count, most);
            }
        }
        let (ClockBehind(times, seconds), ClockBehind(more, most)) = (self.behind, other.behind);
        self.behind = ClockBehind(sum(times, more), seconds.max(most));
    }

    /// What two copies know together: the higher of each count.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        for (name, count) in other.quotas {
            let own = self.quotas.entry(name).or_default();
            own.used = own.used.max(count.used);
            own.refused = own.refused.max(count.refused);
        }
        for (own, more) in [
            (&mut self.denials, other.denials),
            (&mut self.features, other.features),
            (&mut self.users, other.users),
            (&mut self.sessions, other.sessions),
        ] {
            for (name, count) in more {
                let own = own.entry(name).or_default();
                *own = count.max(*own);
            }
        }
        let (ClockBehind(times, seconds), ClockBehind(more, most)) = (self.behind, other.behind);
        self.behind = ClockBehind(times.max(more), seconds.max(most));
        self
    }

    fn quota(&mut self, name: &str) -> &mut QuotaCount {
        let name = bounded(&self.quotas, name, MOST_NAMES);
        self.quotas.entry(name).or_default()
    }

    /// How many sessions were opened.
    pub(super) fn opened(&self) -> u64 {
        self.sessions
            .values()
            .fold(0, |total, count| sum(total, *count))
    }
}

pub(super) fn sum(one: u64, other: u64) -> u64 {
    one.saturating_add(other).min(MAX_COUNT)
}

fn bump(names: &mut Names, name: &str, count: u64, most: usize) {
    let name = bounded(names, name, most);
    let own = names.entry(name).or_default();
    *own = sum(*own, count);
}

/// The name, cut to its bound, or what stands for those past the bound.
fn bounded<T>(names: &BTreeMap<String, T>, name: &str, most: usize) -> String {
    let mut ends = (0..=name.len().min(LONGEST_NAME)).rev();
    let name = ends.find_map(|end| name.get(..end));
    let name = name.unwrap_or_default();
    match names.contains_key(name) || names.len() < most {
        true => name.into(),
        false => OTHERS.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn some() -> Counts {
        let mut counts = Counts::used("commands", 3).by(Some("ann"));
        counts.add(&Counts::quota_refused("commands"));
        counts.add(&Counts::feature_refused("sso", Code::FeatureNotIncluded));
        counts.add(
            &Counts::session("sess_1")
                .by(Some("bob"))
                .with_clock_behind(7200),
        );
        counts
    }

    #[test]
    fn counts_read_as_they_are_written() {
        let read = |value: &Value| Counts::deserialize(value).ok();
        assert_eq!(read(&json!(some())), Some(some()));
        for wrong in ["{}", "[]", r#"{"quotas":{"a":[1]}}"#] {
            let value: Value = serde_json::from_str(wrong).unwrap();
            assert_eq!(read(&value), None, "{wrong}");
        }
    }

    #[test]
    fn two_counts_add_up_and_two_copies_of_one_do_not() {
        let mut twice = some();
        twice.add(&some());
        assert_eq!(twice.quotas["commands"].used, 6);
        assert_eq!(twice.quotas["commands"].refused, 2);
        assert_eq!(twice.denials["QUOTA_EXHAUSTED"], 2);
        assert_eq!(twice.opened(), 2);
        assert_eq!(twice.behind, ClockBehind(2, 7200));
        assert_eq!(some().merged(some()), some());
        assert_eq!(some().merged(twice.clone()), twice);
    }

    #[test]
    fn names_are_bounded_in_number_and_length_and_no_count_is_lost() {
        let mut counts = Counts::default();
        for number in 0..1000 {
            let name = format!("{number}-{}", "x".repeat(500));
            counts.add(&Counts::feature_refused(&name, Code::FeatureNotIncluded));
            counts.add(&Counts::session(&name));
        }
        assert_eq!(counts.features.len(), MOST_NAMES + 1);
        assert_eq!(counts.sessions.len(), MOST_SESSIONS + 1);
        assert_eq!(counts.features.values().sum::<u64>(), 1000);
        assert_eq!(counts.opened(), 1000);
        assert!(json!(counts).to_string().len() < 64 * 1024);
    }

    #[test]
    fn a_name_is_cut_between_two_characters() {
        let name = format!("xx{}", "\u{1f680}".repeat(40));
        let counts = Counts::used(&name, 1);
        let (name, _) = counts.quotas.first_key_value().unwrap();
        assert_eq!((name.len(), name.chars().count()), (62, 17));
        assert_eq!(Counts::used("", 1).quotas[""].used, 1);
    }

    #[test]
    fn counts_stop_at_what_json_can_carry() {
        let mut counts = Counts::used("commands", u64::MAX);
        counts.add(&Counts::used("commands", 1));
        assert_eq!(counts.quotas["commands"].used, MAX_COUNT);
    }

    #[test]
    fn a_few_minutes_of_a_clock_are_noise() {
        assert!(Counts::default().with_clock_behind(300).is_empty());
        assert_eq!(
            Counts::default().with_clock_behind(301).behind,
            ClockBehind(1, 301)
        );
    }
}
