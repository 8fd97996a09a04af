//! Tiers, features and quotas as data. No feature name occurs in code.

mod error;
mod file;
mod json;
mod labels;
mod place;
mod table;
mod tier_policy;
mod trial;

pub use error::ProductFileError;
pub use tier_policy::TierPolicy;
pub use trial::TrialPolicy;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::LazyLock;

use chrono::TimeDelta;

use crate::ids::{ProductCode, Tier};
use crate::policy::{Entitlements, Quota};
use labels::Labels;

const BUILT_IN: &str = include_str!("matrix/coditect.toml");
const SCHEMA: &str = include_str!("matrix/schema.json");

/// Tiers of a product with their features and quotas, as the product file defines them.
///
/// ```
/// use license_core::{FeatureMatrix, Tier};
/// use license_core::policy::Quota;
///
/// let matrix = FeatureMatrix::built_in();
/// assert_eq!(matrix.product().as_str(), "CODITECT");
/// assert_eq!(matrix.base_tier().entitlements().quota("commands_per_day"), Some(Quota::Limit(10)));
/// assert_eq!(matrix.first_tier_with("sso").unwrap().name(), Tier::parse("ENT")?);
/// # Ok::<(), license_core::ids::NameError>(())
/// ```
///
/// The JSON form has the members of a product file.
///
/// ```
/// use license_core::FeatureMatrix;
///
/// let matrix: FeatureMatrix = serde_json::from_str(
///     r#"{
///         "product": "EDITOR",
///         "issuer": "Example Ltd",
///         "base_tier": "FREE",
///         "tiers": [
///             { "name": "FREE", "features": ["open"], "quotas": { "exports": 3 } },
///             { "name": "PRO", "extends": "FREE", "features": ["save"] }
///         ]
///     }"#,
/// )?;
/// for tier in &matrix {
///     assert!(tier.entitlements().allows("open"));
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureMatrix {
    product: ProductCode,
    label: Box<str>,
    issuer: Box<str>,
    tiers: Vec<TierPolicy>,
    base: TierPolicy,
    enterprise: Option<TierPolicy>,
    trial: Option<TrialPolicy>,
    user_cool_down: TimeDelta,
    seats_quota: Option<Box<str>>,
    devices_quota: Option<Box<str>>,
    feature_labels: Labels,
    quota_labels: Labels,
}

impl FeatureMatrix {
    /// Returns the feature matrix of the built-in product. The first call parses it.
    ///
    /// ```
    /// use license_core::FeatureMatrix;
    ///
    /// assert_eq!(FeatureMatrix::built_in().product().as_str(), "CODITECT");
    /// ```
    pub fn built_in() -> &'static Self {
        #[allow(
            clippy::expect_used,
            reason = "the text is compiled in, and tests parse it"
        )]
        static MATRIX: LazyLock<FeatureMatrix> = LazyLock::new(|| {
            FeatureMatrix::parse(BUILT_IN).expect("the built-in matrix is well-formed")
        });
        &MATRIX
    }

    /// Returns the product file of the built-in product, as a template for other products.
    ///
    /// ```
    /// use license_core::FeatureMatrix;
    ///
    /// // The template is a complete product file.
    /// let matrix = FeatureMatrix::parse(FeatureMatrix::built_in_text())?;
    /// assert_eq!(matrix.tiers().len(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn built_in_text() -> &'static str {
        BUILT_IN
    }

    /// Returns the JSON Schema (draft 2020-12) of product files, for editors.
    ///
    /// Every file that [`FeatureMatrix::parse`] accepts matches the schema. The schema cannot check
    /// relations between members, such as that a tier is defined before another tier extends it.
    ///
    /// ```
    /// use license_core::FeatureMatrix;
    ///
    /// let schema: serde_json::Value = serde_json::from_str(FeatureMatrix::schema())?;
    /// assert_eq!(schema["title"], "Product file");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub const fn schema() -> &'static str {
        SCHEMA
    }

    /// Parses a product file (TOML).
    ///
    /// Takes memory of up to 256 times the size of the text.
    ///
    /// ```
    /// use license_core::FeatureMatrix;
    ///
    /// // A program usually embeds its product file: `include_str!("product.toml")`.
    /// let matrix = FeatureMatrix::parse(
    ///     r#"
    ///         product = "SHOP"
    ///         issuer = "Shop Ltd"
    ///         base_tier = "FREE"
    ///
    ///         [[tiers]]
    ///         name = "FREE"
    ///         features = ["edit"]
    ///         quotas = { exports_per_day = 3 }
    ///     "#,
    /// )?;
    /// assert!(matrix.base_tier().entitlements().allows("edit"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`ProductFileError`] if the text is not a product file, or if its members contradict
    /// each other.
    pub fn parse(text: &str) -> Result<Self, ProductFileError> {
        file::parse(text)
    }

    /// Returns the product code.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// assert_eq!(matrix.product().as_str(), "CODITECT");
    /// ```
    pub fn product(&self) -> ProductCode {
        self.product
    }

    /// Returns the vendor's name for claim `iss`.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// println!("{}", matrix.issuer());
    /// ```
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Replaces the vendor's name for claim `iss`.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in().clone();
    /// assert_eq!(matrix.with_issuer("Photon GmbH").issuer(), "Photon GmbH");
    /// ```
    #[must_use]
    pub fn with_issuer(mut self, issuer: &str) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// Returns the tiers, lowest first.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// let names: Vec<_> = matrix.tiers().iter().map(|tier| tier.name().to_string()).collect();
    /// assert_eq!(names, ["FREE", "PRO", "TEAM", "ENT"]);
    /// ```
    pub fn tiers(&self) -> &[TierPolicy] {
        &self.tiers
    }

    /// Returns the policy of a tier, or `None` if the product has no such tier.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// use license_core::Tier;
    ///
    /// assert!(matrix.tier(Tier::parse("PRO")?).is_some());
    /// assert!(matrix.tier(Tier::parse("GOLD")?).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tier(&self, name: Tier) -> Option<&TierPolicy> {
        self.tiers.iter().find(|tier| tier.name() == name)
    }

    /// Returns the tier that applies when no license is valid.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// assert_eq!(matrix.base_tier().name().as_str(), "FREE");
    /// ```
    pub fn base_tier(&self) -> &TierPolicy {
        &self.base
    }

    /// Returns the tier that an enterprise key grants, or `None` if the product has no enterprise
    /// keys.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// let tier = matrix.enterprise_tier().ok_or("the product has no enterprise keys")?;
    /// assert_eq!(tier.name().as_str(), "ENT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enterprise_tier(&self) -> Option<&TierPolicy> {
        self.enterprise.as_ref()
    }

    /// Returns the duration for which a named user of a license cannot be replaced, in whole days,
    /// 0 to 3660 days.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// println!("a named user can be replaced after {} days", matrix.user_cool_down().num_days());
    /// ```
    pub fn user_cool_down(&self) -> TimeDelta {
        self.user_cool_down
    }

    /// Returns the tier and length of trials, if the product has trials.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// if let Some(trial) = matrix.trial() {
    ///     println!("{} for {} days", trial.tier, trial.length.num_days());
    /// }
    /// ```
    pub fn trial(&self) -> Option<TrialPolicy> {
        self.trial
    }

    /// Returns the lowest tier that has the feature, or `None` if no tier has the feature.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// let tier = matrix.first_tier_with("sso").ok_or("no tier has the feature")?;
    /// assert_eq!(tier.name().as_str(), "ENT");
    /// assert!(matrix.first_tier_with("ssso").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn first_tier_with(&self, feature: &str) -> Option<&TierPolicy> {
        self.tiers
            .iter()
            .find(|tier| tier.entitlements.allows(feature))
    }

    /// Returns every feature with the lowest tier that has it, sorted by tier, then alphabetically.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// for (feature, tier) in matrix.features() {
    ///     println!("{feature} from {tier}");
    /// }
    /// ```
    pub fn features(&self) -> Vec<(&str, Tier)> {
        let mut features: Vec<(&str, Tier)> = Vec::new();
        let mut seen = BTreeSet::new();
        for tier in &self.tiers {
            for feature in tier.entitlements.features() {
                if seen.insert(feature) {
                    features.push((feature, tier.name()));
                }
            }
        }
        features
    }

    /// Returns the names of the quotas of all tiers, in alphabetical order.
    ///
    /// ```
    /// use license_core::FeatureMatrix;
    ///
    /// let names: Vec<&str> = FeatureMatrix::built_in().quotas().collect();
    /// assert_eq!(names, ["agents", "commands_per_day", "devices", "slash_commands", "users"]);
    /// ```
    pub fn quotas(&self) -> impl ExactSizeIterator<Item = &str> {
        let tiers = self.tiers.iter();
        let names = tiers.flat_map(|tier| tier.entitlements.quotas().map(|(name, _)| name));
        names.collect::<BTreeSet<_>>().into_iter()
    }

    /// Returns the name of the quota that the number of seats sets, such as `users`, or `None` if
    /// seats set no quota.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// assert_eq!(matrix.seats_quota(), Some("users"));
    /// ```
    pub fn seats_quota(&self) -> Option<&str> {
        self.seats_quota.as_deref()
    }

    /// Returns the name of the quota that the number of devices sets, such as `devices`, or `None`
    /// if devices set no quota.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// assert_eq!(matrix.devices_quota(), Some("devices"));
    /// ```
    pub fn devices_quota(&self) -> Option<&str> {
        self.devices_quota.as_deref()
    }

    /// Returns the number of seats that a tier includes, or `None` if the tier has no finite quota
    /// of seats. A license of the tier usually has at least this number of seats.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// use license_core::Tier;
    ///
    /// assert_eq!(matrix.included_seats(Tier::parse("TEAM")?), Some(5));
    /// assert_eq!(matrix.included_seats(Tier::parse("ENT")?), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn included_seats(&self, tier: Tier) -> Option<u64> {
        let quota = self.tier(tier)?.entitlements.quota(self.seats_quota()?);
        match quota? {
            Quota::Limit(seats) => Some(seats),
            Quota::Unlimited => None,
        }
    }

    /// Returns the features and quotas of a tier for a number of seats. The number of seats sets
    /// the quota [`Self::seats_quota`], unless the tier has a higher limit. An unlimited quota is
    /// set too.
    pub(crate) fn entitlements_with_seats(&self, tier: &TierPolicy, seats: u64) -> Entitlements {
        let entitlements = &tier.entitlements;
        let quotas = entitlements
            .quotas()
            .map(|(name, quota)| (name.to_owned(), quota));
        let seats = self.seats_quota().map(|name| {
            let seats = Quota::Limit(seats);
            let included = entitlements
                .quota(name)
                .filter(|quota| *quota != Quota::Unlimited);
            (
                name.to_owned(),
                included.map_or(seats, |included| included.max(seats)),
            )
        });
        let features = entitlements.features().map(str::to_owned);
        Entitlements::new(tier.name(), features, quotas.chain(seats))
    }
}

impl FromStr for FeatureMatrix {
    type Err = ProductFileError;

    fn from_str(text: &str) -> Result<Self, ProductFileError> {
        Self::parse(text)
    }
}

/// Iterates over the tiers, lowest first.
impl<'a> IntoIterator for &'a FeatureMatrix {
    type Item = &'a TierPolicy;
    type IntoIter = std::slice::Iter<'a, TierPolicy>;

    fn into_iter(self) -> Self::IntoIter {
        self.tiers.iter()
    }
}

/// Returns whether the text is a valid name of a feature or a quota.
pub(crate) fn is_feature_name(name: &str) -> bool {
    let has_valid_characters = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    has_valid_characters && (1..=64).contains(&name.len())
}

#[cfg(test)]
mod tests;
