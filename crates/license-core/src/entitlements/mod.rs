//! What a license allows: tier, features and quotas.

mod known;
mod names;

use std::fmt;

use crate::Tier;
pub(crate) use known::KnownEntitlements;
use names::Names;

/// How much of something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Up to this many.
    Limit(u64),
    /// As many as one likes; written -1.
    Unlimited,
}

impl Quota {
    /// Reads the number of a claim or a matrix: -1 is unlimited, other negative numbers are nothing.
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            -1 => Some(Self::Unlimited),
            number => u64::try_from(number).ok().map(Self::Limit),
        }
    }

    /// The number of a claim.
    pub fn to_number(self) -> i64 {
        match self {
            Self::Unlimited => -1,
            Self::Limit(limit) => i64::try_from(limit).unwrap_or(i64::MAX),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.pad("unlimited"),
            Self::Limit(limit) => f.pad(&limit.to_string()),
        }
    }
}

/// A tier with its features and quotas. A look-up takes some nanoseconds, however many there are, and no allocation.
///
/// ```
/// use license_core::{Entitlements, Quota, Tier};
///
/// let entitlements = Entitlements::new(
///     Tier::parse("PRO")?,
///     ["cloud_sync".to_owned(), "all_agents".to_owned()],
///     [("agents".to_owned(), Quota::Limit(52))],
/// );
/// assert!(entitlements.allows("cloud_sync"));
/// assert_eq!(entitlements.quota("agents"), Some(Quota::Limit(52)));
/// assert_eq!(entitlements.quota("users"), None);
/// # Ok::<(), license_core::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlements {
    tier: Tier,
    features: Names,
    quotas: Names,
    /// In the order of their names.
    limits: Box<[Quota]>,
}

impl Entitlements {
    /// Puts features and quotas in order; a feature that is named twice counts once, and of a quota that is
    /// named twice the last counts.
    pub fn new(
        tier: Tier,
        features: impl IntoIterator<Item = String>,
        quotas: impl IntoIterator<Item = (String, Quota)>,
    ) -> Self {
        let features: Vec<String> = features.into_iter().collect();
        let quotas: Vec<(String, Quota)> = quotas.into_iter().collect();
        let quotas = quotas.iter().map(|(name, quota)| (name.as_str(), *quota));
        Self::of(
            tier,
            features.iter().map(String::as_str).collect(),
            quotas.collect(),
        )
    }

    /// The same of names that are borrowed.
    pub(crate) fn of(tier: Tier, mut features: Vec<&str>, mut quotas: Vec<(&str, Quota)>) -> Self {
        if !features.is_sorted_by(|one, next| one < next) {
            features.sort_unstable();
            features.dedup();
        }
        if !quotas.is_sorted_by(|(one, _), (next, _)| one < next) {
            // Of those alike the last comes first, and stays.
            quotas.reverse();
            quotas.sort_by_key(|(name, _)| *name);
            quotas.dedup_by_key(|(name, _)| *name);
        }
        Self {
            tier,
            features: Names::of_sorted(features.iter().copied()),
            quotas: Names::of_sorted(quotas.iter().map(|(name, _)| *name)),
            limits: quotas.iter().map(|(_, quota)| *quota).collect(),
        }
    }

    /// The tier.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Whether the feature is among them.
    #[inline]
    pub fn allows(&self, feature: &str) -> bool {
        self.features.position(feature).is_some()
    }

    /// The quota of this name.
    pub fn quota(&self, name: &str) -> Option<Quota> {
        self.limits.get(self.quotas.position(name)?).copied()
    }

    /// The features in alphabetical order.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features.iter()
    }

    /// The quotas in alphabetical order of their names.
    pub fn quotas(&self) -> impl ExactSizeIterator<Item = (&str, Quota)> {
        self.quotas.iter().zip(self.limits.iter().copied())
    }

    /// What both allow: the features of both, the smaller quotas, this one's tier.
    /// A quota that only one has is kept as that one has it.
    pub(crate) fn narrowed_by(&self, other: &Self) -> Self {
        let both = self.features().filter(|feature| other.allows(feature));
        let smaller = self.quotas().map(|(name, quota)| {
            let other = other.quota(name).unwrap_or(quota);
            (name, quota.min(other))
        });
        Self::of(self.tier, both.collect(), smaller.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(features: &[&str], quotas: &[(&str, i64)]) -> Entitlements {
        Entitlements::new(
            Tier::parse("PRO").unwrap(),
            features.iter().map(|&name| name.to_owned()),
            quotas
                .iter()
                .map(|&(name, n)| (name.to_owned(), Quota::from_number(n).unwrap())),
        )
    }

    #[test]
    fn narrowing_never_adds() {
        let license = of(&["a", "b"], &[("x", -1), ("y", 5)]);
        let server = of(&["b", "c"], &[("x", 3), ("y", -1), ("z", 1)]);
        assert_eq!(
            license.narrowed_by(&server),
            of(&["b"], &[("x", 3), ("y", 5)])
        );
    }

    #[test]
    fn what_is_named_twice_counts_once_and_of_quotas_the_last() {
        let twice = of(
            &["b", "a", "b"],
            &[("y", 1), ("x", 1), ("y", 2), ("x", 3), ("y", -1)],
        );
        assert_eq!(twice, of(&["a", "b"], &[("x", 3), ("y", -1)]));
        assert!(twice.features().eq(["a", "b"]));
        let quotas = [("x", Quota::Limit(3)), ("y", Quota::Unlimited)];
        assert!(twice.quotas().eq(quotas));
        assert!(twice.allows("a") && !twice.allows("c") && !twice.allows(""));
        assert_eq!(twice.quota("y"), Some(Quota::Unlimited));
    }

    #[test]
    fn quota_numbers_are_minus_one_or_counts() {
        assert_eq!(Quota::from_number(-1), Some(Quota::Unlimited));
        assert_eq!(Quota::from_number(0), Some(Quota::Limit(0)));
        assert_eq!(Quota::from_number(-2), None);
    }
}
