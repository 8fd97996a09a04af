//! Tier, features and quotas.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encoding::strict_json::IntegerVisitor;
use crate::encoding::value::ValueError;
use crate::ids::Tier;

/// The limit of a quota. The text form is the number or `unlimited`, and the JSON form is an
/// integer.
///
/// ```
/// use license_core::policy::Quota;
///
/// let quota: Quota = "52".parse()?;
/// assert_eq!(quota, Quota::Limit(52));
/// assert!(quota < Quota::Unlimited);
/// assert_eq!(Quota::Unlimited.to_string(), "unlimited");
/// assert_eq!(serde_json::to_string(&Quota::Unlimited)?, "-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// The maximum, from 0 to 2^63 - 1.
    Limit(u64),
    /// There is no limit. The JSON value is -1.
    Unlimited,
}

impl Quota {
    const UNLIMITED: &'static str = "unlimited";
    const EXPECTED: &'static str = "a number from 0 to 2^63 - 1, or `unlimited` or -1";

    /// Parses a number without leading zeros, or `unlimited`. -1 is unlimited as well.
    ///
    /// ```
    /// use license_core::policy::Quota;
    ///
    /// assert_eq!(Quota::parse("10"), Some(Quota::Limit(10)));
    /// assert_eq!(Quota::parse("-1"), Some(Quota::Unlimited));
    /// assert_eq!(Quota::parse("010"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        if text == Self::UNLIMITED {
            return Some(Self::Unlimited);
        }
        let number: i64 = text.parse().ok()?;
        let is_canonical = number.to_string() == text;
        Self::from_number(number).filter(|_| is_canonical)
    }

    /// Converts the integer of a claim or a product file. -1 is unlimited. Other negative numbers
    /// are not quotas.
    ///
    /// ```
    /// use license_core::policy::Quota;
    ///
    /// assert_eq!(Quota::from_number(5), Some(Quota::Limit(5)));
    /// assert_eq!(Quota::from_number(-1), Some(Quota::Unlimited));
    /// assert_eq!(Quota::from_number(-2), None);
    /// ```
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            -1 => Some(Self::Unlimited),
            number => u64::try_from(number).ok().map(Self::Limit),
        }
    }

    /// Returns the integer of a claim. A limit beyond 2^63 - 1 is written as 2^63 - 1.
    ///
    /// ```
    /// use license_core::policy::Quota;
    ///
    /// assert_eq!(Quota::Unlimited.to_number(), -1);
    /// ```
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
            Self::Unlimited => f.pad(Self::UNLIMITED),
            Self::Limit(limit) => f.pad(&limit.to_string()),
        }
    }
}

impl FromStr for Quota {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse(text).ok_or(ValueError::new(Self::EXPECTED))
    }
}

impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.to_number())
    }
}

impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(IntegerVisitor {
            expected: "an integer of at least -1",
            convert: Self::from_number,
        })
    }
}

/// A tier with its features and quotas. Clones share the features and quotas, and lookups do not
/// allocate. The JSON form is `{tier, features, quotas}`.
///
/// ```
/// use license_core::Tier;
/// use license_core::policy::{Entitlements, Quota};
///
/// let entitlements = Entitlements::new(
///     Tier::parse("PRO")?,
///     ["cloud_sync".to_owned(), "all_agents".to_owned()],
///     [("agents".to_owned(), Quota::Limit(52))],
/// );
/// assert!(entitlements.allows("cloud_sync"));
/// assert_eq!(entitlements.quota("agents"), Some(Quota::Limit(52)));
/// assert_eq!(entitlements.quota("users"), None);
/// # Ok::<(), license_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entitlements {
    tier: Tier,
    features: Arc<BTreeSet<String>>,
    quotas: Arc<BTreeMap<String, Quota>>,
}

impl Entitlements {
    /// Creates entitlements. A repeated feature counts once. The last value of a repeated quota
    /// applies.
    ///
    /// ```
    /// use license_core::Tier;
    /// use license_core::policy::{Entitlements, Quota};
    ///
    /// let features = ["edit".to_owned()];
    /// let quotas = [("exports_per_day".to_owned(), Quota::Limit(3))];
    /// let entitlements = Entitlements::new(Tier::parse("FREE")?, features, quotas);
    /// assert!(entitlements.allows("edit"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        tier: Tier,
        features: impl IntoIterator<Item = String>,
        quotas: impl IntoIterator<Item = (String, Quota)>,
    ) -> Self {
        let (features, quotas) = (features.into_iter(), quotas.into_iter());
        Self::shared(
            tier,
            Arc::new(features.collect()),
            Arc::new(quotas.collect()),
        )
    }

    /// Creates entitlements that share features and quotas with the claims that contain them.
    pub(crate) fn shared(
        tier: Tier,
        features: Arc<BTreeSet<String>>,
        quotas: Arc<BTreeMap<String, Quota>>,
    ) -> Self {
        Self {
            tier,
            features,
            quotas,
        }
    }

    /// Returns the features, shared with claims.
    pub(crate) fn shared_features(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(&self.features)
    }

    /// Returns the quotas, shared with claims.
    pub(crate) fn shared_quotas(&self) -> Arc<BTreeMap<String, Quota>> {
        Arc::clone(&self.quotas)
    }

    /// Returns the tier.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// assert_eq!(tier.entitlements().tier().as_str(), "PRO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Returns whether the feature is included.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// assert!(tier.entitlements().allows("cloud_sync"));
    /// assert!(!tier.entitlements().allows("sso"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn allows(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }

    /// Returns the quota with this name, if there is one.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// use license_core::policy::Quota;
    ///
    /// assert_eq!(tier.entitlements().quota("agents"), Some(Quota::Limit(52)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn quota(&self, name: &str) -> Option<Quota> {
        self.quotas.get(name).copied()
    }

    /// Returns the features in alphabetical order.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// for feature in tier.entitlements().features() {
    ///     println!("{feature}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn features(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features.iter().map(String::as_str)
    }

    /// Returns the quotas in the alphabetical order of their names.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// for (name, quota) in tier.entitlements().quotas() {
    ///     println!("{name}: {quota}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn quotas(&self) -> impl ExactSizeIterator<Item = (&str, Quota)> {
        self.quotas
            .iter()
            .map(|(name, quota)| (name.as_str(), *quota))
    }

    /// Returns whether these entitlements have all features of `other`, and at least its quotas.
    #[cfg(feature = "issue")]
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let has_quota = |(name, quota)| self.quota(name).is_some_and(|own| quota <= own);
        other.features.is_subset(&self.features) && other.quotas().all(has_quota)
    }

    /// Returns the entitlements that both allow: the common features, the smaller quotas, and the
    /// tier of `self`. A quota that only `self` has keeps its value. A quota that only `other` has
    /// is omitted.
    pub(crate) fn narrowed_by(&self, other: &Self) -> Self {
        let both = self.features.iter().filter(|feature| other.allows(feature));
        let smaller = self.quotas().map(|(name, quota)| {
            let other = other.quota(name).unwrap_or(quota);
            (name.to_owned(), quota.min(other))
        });
        Self::new(self.tier, both.cloned(), smaller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entitlements(features: &[&str], quotas: &[(&str, i64)]) -> Entitlements {
        Entitlements::new(
            Tier::parse("PRO").unwrap(),
            features.iter().map(|&name| name.to_owned()),
            quotas
                .iter()
                .map(|&(name, n)| (name.to_owned(), Quota::from_number(n).unwrap())),
        )
    }

    #[test]
    fn narrowing_never_adds_a_feature_or_raises_a_quota() {
        let license = entitlements(&["a", "b"], &[("x", -1), ("y", 5)]);
        let server = entitlements(&["b", "c"], &[("x", 3), ("y", -1), ("z", 1)]);
        assert_eq!(
            license.narrowed_by(&server),
            entitlements(&["b"], &[("x", 3), ("y", 5)])
        );
    }

    #[test]
    fn a_repeated_name_counts_once_and_its_last_quota_applies() {
        let repeated = entitlements(
            &["b", "a", "b"],
            &[("y", 1), ("x", 1), ("y", 2), ("x", 3), ("y", -1)],
        );
        assert_eq!(repeated, entitlements(&["a", "b"], &[("x", 3), ("y", -1)]));
        assert!(repeated.features().eq(["a", "b"]));
        let quotas = [("x", Quota::Limit(3)), ("y", Quota::Unlimited)];
        assert!(repeated.quotas().eq(quotas));
        assert!(repeated.allows("a") && !repeated.allows("c") && !repeated.allows(""));
        assert_eq!(repeated.quota("y"), Some(Quota::Unlimited));
    }

    #[test]
    fn only_an_exact_name_is_found_among_many_names() {
        for count in [0, 1, 2, 3, 26, 1000] {
            let names: Vec<_> = (0..count).map(|n| format!("feature_{n}")).collect();
            let quotas = names.iter().map(|name| (name.clone(), Quota::Unlimited));
            let tier = Tier::parse("PRO").unwrap();
            let entitlements = Entitlements::new(tier, names.clone(), quotas);
            for name in &names {
                assert!(entitlements.allows(name), "{name}");
                assert_eq!(entitlements.quota(name), Some(Quota::Unlimited), "{name}");
                for near in [format!("{name}x"), format!("x{name}"), name.to_uppercase()] {
                    assert!(!entitlements.allows(&near), "{near}");
                    assert_eq!(entitlements.quota(&near), None, "{near}");
                }
            }
        }
    }

    #[test]
    fn quota_numbers_are_minus_one_or_counts() {
        assert_eq!(Quota::from_number(-1), Some(Quota::Unlimited));
        assert_eq!(Quota::from_number(0), Some(Quota::Limit(0)));
        assert_eq!(Quota::from_number(-2), None);
    }
}
