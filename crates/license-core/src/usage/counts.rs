//! Counts of one license in one period.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize, Serializer};

use super::MAX_COUNT;
use super::line::{count, counts, seconds};
use crate::code::Code;
use crate::evaluate::Decision;
use crate::matrix::FeatureMatrix;
use crate::time::{self, serde_seconds};

/// Maximum number of different names of each kind. Further names are counted as [`OTHERS`], so that
/// a script with a thousand feature names cannot make the state large.
const MAX_NAMES: usize = 64;
/// Maximum number of different sessions. A busy machine has more sessions than users.
const MAX_SESSIONS: usize = 256;
/// Maximum length of a name in bytes. Longer names are cut between two characters.
const MAX_NAME_BYTES: usize = 64;
/// Name for everything beyond the limits, and for unknown features.
const OTHERS: &str = "(others)";
/// The difference by which a clock may be behind without being counted, because clock and uptime
/// are rounded.
const CLOCK_NOISE: TimeDelta = TimeDelta::minutes(5);

type Names = BTreeMap<String, u64>;

/// Amount of a quota that was used, and number of refused requests.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// let entry = example::closed()?.parse_entry().ok_or("not an entry")?;
/// let count = entry.quotas["commands_per_day"];
/// assert_eq!((count.used, count.refused), (3, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaCount {
    /// The amount that was granted.
    #[serde(deserialize_with = "count")]
    pub used: u64,
    /// The number of refused requests, regardless of their amount.
    #[serde(deserialize_with = "count")]
    pub refused: u64,
}

/// Counts of one license in one period.
///
/// Two copies of the same counts are [merged](UsageCounts::merged). Two different counts are
/// [added](UsageCounts::add).
///
/// ```
/// use license_core::usage::UsageCounts;
///
/// let mut counts = UsageCounts::quota_used("exports", 2);
/// counts.add(&UsageCounts::quota_refused("exports"));
/// assert!(!counts.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageCounts {
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

/// Number of times that the clock was behind the high-water mark, and largest difference, written
/// in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClockBehind(
    #[serde(deserialize_with = "count")] pub(super) u64,
    #[serde(
        serialize_with = "serde_seconds::serialize",
        deserialize_with = "seconds"
    )]
    pub(super) TimeDelta,
);

/// Writes each quota as `[used, refused]`, the form in the state of a machine.
fn pairs<S: Serializer>(
    quotas: &BTreeMap<String, QuotaCount>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let pairs = quotas
        .iter()
        .map(|(name, count)| (name, [count.used, count.refused]));
    serializer.collect_map(pairs)
}

impl UsageCounts {
    /// Counts the use of a quota. The amount is limited to [`MAX_COUNT`].
    ///
    /// ```
    /// use license_core::usage::UsageCounts;
    ///
    /// let counts = UsageCounts::quota_used("exports", 2);
    /// assert!(!counts.is_empty());
    /// ```
    pub fn quota_used(quota: &str, count: u64) -> Self {
        let mut counts = Self::default();
        counts.quota(quota).used = count.min(MAX_COUNT);
        counts
    }

    /// Counts a refused request for a quota.
    ///
    /// ```
    /// use license_core::usage::UsageCounts;
    ///
    /// let counts = UsageCounts::quota_refused("exports");
    /// assert!(!counts.is_empty());
    /// ```
    pub fn quota_refused(quota: &str) -> Self {
        let mut counts = Self::denied(Code::QuotaExhausted);
        counts.quota(quota).refused = 1;
        counts
    }

    /// Counts a refused request for a feature, with the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::usage::UsageCounts;
    ///
    /// let counts = UsageCounts::feature_refused("sso", Code::FeatureNotIncluded);
    /// assert!(!counts.is_empty());
    /// ```
    pub fn feature_refused(feature: &str, code: Code) -> Self {
        let mut counts = Self::denied(code);
        increase(&mut counts.features, feature, 1, MAX_NAMES);
        counts
    }

    /// Counts a refused request for a feature that may be unknown, with the reason code.
    ///
    /// A name that neither the product nor the license contains is counted as `(others)`, because
    /// it could be personal data.
    ///
    /// ```
    /// use license_core::usage::UsageCounts;
    /// use license_core::{Code, Context, Decision, FeatureMatrix, time};
    ///
    /// let (matrix, context) = (FeatureMatrix::built_in(), Context::at(time::MIN));
    /// let decision = Decision::without_license(matrix, &context);
    /// let code = Code::FeatureNotIncluded;
    /// // A name that the product does not have is not recorded.
    /// let counts = UsageCounts::feature_refused_by(&decision, matrix, "ann@acme.example", code);
    /// assert_eq!(counts, UsageCounts::feature_refused("(others)", code));
    /// ```
    pub fn feature_refused_by(
        decision: &Decision,
        matrix: &FeatureMatrix,
        feature: &str,
        code: Code,
    ) -> Self {
        if decision.knows_feature(feature, matrix) {
            Self::feature_refused(feature, code)
        } else {
            Self::feature_refused(OTHERS, code)
        }
    }

    /// Counts a denial with this reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::usage::UsageCounts;
    ///
    /// let counts = UsageCounts::denied(Code::Expired);
    /// assert!(!counts.is_empty());
    /// ```
    pub fn denied(code: Code) -> Self {
        let mut counts = Self::default();
        increase(&mut counts.denials, code.as_str(), 1, MAX_NAMES);
        counts
    }

    /// Counts an opened session.
    ///
    /// ```
    /// use license_core::usage::UsageCounts;
    ///
    /// let counts = UsageCounts::session("sess_00112233445566778899aabbccddeeff");
    /// assert!(!counts.is_empty());
    /// ```
    pub fn session(id: &str) -> Self {
        let mut counts = Self::default();
        increase(&mut counts.sessions, id, 1, MAX_SESSIONS);
        counts
    }

    /// Counts a use by the user, if there is one.
    ///
    /// ```
    /// use license_core::usage::UsageCounts;
    ///
    /// let counts = UsageCounts::quota_used("exports", 2).user(Some("ann"));
    /// assert_ne!(counts, UsageCounts::quota_used("exports", 2));
    /// ```
    #[must_use]
    pub fn user(mut self, user: Option<&str>) -> Self {
        if let Some(user) = user {
            increase(&mut self.users, user, 1, MAX_NAMES);
        }
        self
    }

    /// Adds an observation of a clock that is behind the latest time seen. Up to five minutes are
    /// ignored.
    ///
    /// ```
    /// use license_core::chrono::TimeDelta;
    /// use license_core::usage::UsageCounts;
    ///
    /// let counts = UsageCounts::default().clock_behind(TimeDelta::hours(3));
    /// assert!(!counts.is_empty());
    /// ```
    #[must_use]
    pub fn clock_behind(mut self, behind: TimeDelta) -> Self {
        if behind > CLOCK_NOISE {
            let seconds = time::whole_seconds(behind).min(MAX_COUNT);
            self.behind = ClockBehind(1, time::seconds(seconds));
        }
        self
    }

    /// Returns whether all counts are zero.
    ///
    /// ```
    /// use license_core::usage::UsageCounts;
    ///
    /// assert!(UsageCounts::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds other counts.
    ///
    /// ```
    /// use license_core::usage::UsageCounts;
    ///
    /// let mut counts = UsageCounts::quota_used("exports", 2);
    /// counts.add(&UsageCounts::quota_used("exports", 3));
    /// assert_eq!(counts, UsageCounts::quota_used("exports", 5));
    /// ```
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.quotas {
            let own = self.quota(name);
            own.used = sum(own.used, count.used);
            own.refused = sum(own.refused, count.refused);
        }
        for (own, more, max_names) in [
            (&mut self.denials, &other.denials, MAX_NAMES),
            (&mut self.features, &other.features, MAX_NAMES),
            (&mut self.users, &other.users, MAX_NAMES),
            (&mut self.sessions, &other.sessions, MAX_SESSIONS),
        ] {
            for (name, count) in more {
                increase(own, name, *count, max_names);
            }
        }
        let ClockBehind(times, most) = self.behind;
        let ClockBehind(other_times, other_most) = other.behind;
        self.behind = ClockBehind(sum(times, other_times), most.max(other_most));
    }

    /// Merges two copies. Keeps the higher value of each count.
    ///
    /// ```
    /// use license_core::usage::UsageCounts;
    ///
    /// // Two copies of the same counts, one of them older.
    /// let old = UsageCounts::quota_used("exports", 2);
    /// let new = UsageCounts::quota_used("exports", 3);
    /// assert_eq!(old.merged(new.clone()), new);
    /// ```
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
        let ClockBehind(times, most) = self.behind;
        let ClockBehind(other_times, other_most) = other.behind;
        self.behind = ClockBehind(times.max(other_times), most.max(other_most));
        self
    }

    fn quota(&mut self, name: &str) -> &mut QuotaCount {
        let name = bounded(&self.quotas, name, MAX_NAMES);
        self.quotas.entry(name).or_default()
    }

    /// Returns the number of opened sessions.
    pub(super) fn opened_sessions(&self) -> u64 {
        self.sessions
            .values()
            .fold(0, |total, count| sum(total, *count))
    }
}

/// Returns the sum, limited to [`MAX_COUNT`].
pub(super) fn sum(one: u64, other: u64) -> u64 {
    one.saturating_add(other).min(MAX_COUNT)
}

fn increase(names: &mut Names, name: &str, count: u64, max_names: usize) {
    let name = bounded(names, name, max_names);
    let own = names.entry(name).or_default();
    *own = sum(*own, count);
}

/// Returns the name, cut to the maximum length, or [`OTHERS`] if there are too many names.
fn bounded<T>(names: &BTreeMap<String, T>, name: &str, max_names: usize) -> String {
    let mut ends = (0..=name.len().min(MAX_NAME_BYTES)).rev();
    let name = ends.find_map(|end| name.get(..end));
    let name = name.unwrap_or_default();
    if names.contains_key(name) || names.len() < max_names {
        name.into()
    } else {
        OTHERS.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn example() -> UsageCounts {
        let mut counts = UsageCounts::quota_used("commands", 3).user(Some("ann"));
        counts.add(&UsageCounts::quota_refused("commands"));
        counts.add(&UsageCounts::feature_refused(
            "sso",
            Code::FeatureNotIncluded,
        ));
        counts.add(
            &UsageCounts::session("sess_1")
                .user(Some("bob"))
                .clock_behind(TimeDelta::hours(2)),
        );
        counts
    }

    #[test]
    fn the_json_form_round_trips() {
        let read = |value: &Value| UsageCounts::deserialize(value).ok();
        assert_eq!(read(&json!(example())), Some(example()));
        for wrong in ["{}", "[]", r#"{"quotas":{"a":[1]}}"#] {
            let value: Value = serde_json::from_str(wrong).unwrap();
            assert_eq!(read(&value), None, "{wrong}");
        }
    }

    #[test]
    fn adding_sums_counts_and_merging_keeps_the_higher_counts() {
        let mut twice = example();
        twice.add(&example());
        assert_eq!(twice.quotas["commands"].used, 6);
        assert_eq!(twice.quotas["commands"].refused, 2);
        assert_eq!(twice.denials["QUOTA_EXHAUSTED"], 2);
        assert_eq!(twice.opened_sessions(), 2);
        assert_eq!(twice.behind, ClockBehind(2, TimeDelta::hours(2)));
        assert_eq!(example().merged(example()), example());
        assert_eq!(example().merged(twice.clone()), twice);
    }

    #[test]
    fn names_are_limited_in_number_and_length_and_no_count_is_lost() {
        let mut counts = UsageCounts::default();
        for number in 0..1000 {
            let name = format!("{number}-{}", "x".repeat(500));
            counts.add(&UsageCounts::feature_refused(
                &name,
                Code::FeatureNotIncluded,
            ));
            counts.add(&UsageCounts::session(&name));
        }
        assert_eq!(counts.features.len(), MAX_NAMES + 1);
        assert_eq!(counts.sessions.len(), MAX_SESSIONS + 1);
        assert_eq!(counts.features.values().sum::<u64>(), 1000);
        assert_eq!(counts.opened_sessions(), 1000);
        assert!(json!(counts).to_string().len() < 64 * 1024);
    }

    #[test]
    fn a_name_is_cut_between_two_characters() {
        let name = format!("xx{}", "\u{1f680}".repeat(40));
        let counts = UsageCounts::quota_used(&name, 1);
        let (name, _) = counts.quotas.first_key_value().unwrap();
        assert_eq!((name.len(), name.chars().count()), (62, 17));
        assert_eq!(UsageCounts::quota_used("", 1).quotas[""].used, 1);
    }

    #[test]
    fn a_count_is_limited_to_the_integers_of_json() {
        let mut counts = UsageCounts::quota_used("commands", u64::MAX);
        counts.add(&UsageCounts::quota_used("commands", 1));
        assert_eq!(counts.quotas["commands"].used, MAX_COUNT);
    }

    #[test]
    fn a_clock_that_is_up_to_five_minutes_behind_is_ignored() {
        let counts = |behind| UsageCounts::default().clock_behind(behind);
        assert!(counts(TimeDelta::seconds(300)).is_empty());
        let more = TimeDelta::seconds(301);
        assert_eq!(counts(more).behind, ClockBehind(1, more));
    }
}
