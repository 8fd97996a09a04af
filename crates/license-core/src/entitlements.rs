//! What a license allows: tier, features and quotas.

use std::fmt;

use crate::Tier;

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

/// A tier with its features and quotas, sorted for look-ups without allocation.
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
    features: Box<[Box<str>]>,
    quotas: Box<[(Box<str>, Quota)]>,
}

impl Entitlements {
    /// Puts features and quotas in order; a feature that is named twice counts once, and of a quota that is
    /// named twice the last counts.
    pub fn new(
        tier: Tier,
        features: impl IntoIterator<Item = String>,
        quotas: impl IntoIterator<Item = (String, Quota)>,
    ) -> Self {
        let features = features.into_iter().map(String::into_boxed_str);
        let features: std::collections::BTreeSet<Box<str>> = features.collect();
        let quotas = quotas
            .into_iter()
            .map(|(name, quota)| (name.into_boxed_str(), quota));
        let quotas: std::collections::BTreeMap<Box<str>, Quota> = quotas.collect();
        Self {
            tier,
            features: features.into_iter().collect(),
            quotas: quotas.into_iter().collect(),
        }
    }

    /// The tier.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Whether the feature is among them.
    pub fn allows(&self, feature: &str) -> bool {
        self.features
            .binary_search_by(|other| other.as_ref().cmp(feature))
            .is_ok()
    }

    /// The quota of this name.
    pub fn quota(&self, name: &str) -> Option<Quota> {
        let at = self
            .quotas
            .binary_search_by(|(other, _)| other.as_ref().cmp(name))
            .ok()?;
        self.quotas.get(at).map(|(_, quota)| *quota)
    }

    /// The features in alphabetical order.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features.iter().map(AsRef::as_ref)
    }

    /// The quotas in alphabetical order of their names.
    pub fn quotas(&self) -> impl ExactSizeIterator<Item = (&str, Quota)> {
        self.quotas
            .iter()
            .map(|(name, quota)| (name.as_ref(), *quota))
    }

    /// What both allow: the features of both, the smaller quotas, this one's tier.
    /// A quota that only one has is kept as that one has it.
    pub(crate) fn narrowed_by(&self, other: &Self) -> Self {
        let both = self
            .features()
            .filter(|feature| other.allows(feature))
            .map(str::to_owned);
        let smaller = self.quotas().map(|(name, quota)| {
            let other = other.quota(name).unwrap_or(quota);
            (name.to_owned(), quota.min(other))
        });
        Self::new(self.tier, both, smaller)
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
    fn quota_numbers_are_minus_one_or_counts() {
        assert_eq!(Quota::from_number(-1), Some(Quota::Unlimited));
        assert_eq!(Quota::from_number(0), Some(Quota::Limit(0)));
        assert_eq!(Quota::from_number(-2), None);
    }
}
