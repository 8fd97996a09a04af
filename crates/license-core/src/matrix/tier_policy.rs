//! The policy of a tier.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::ids::Tier;
use crate::policy::{CheckIn, Entitlements, Renewal};

/// Entitlements, check-in and renewal of a tier, before a license adds or removes anything.
///
/// ```
/// use license_core::chrono::TimeDelta;
/// use license_core::{FeatureMatrix, Tier};
///
/// let matrix = FeatureMatrix::built_in();
/// let tier = matrix.tier(Tier::parse("PRO")?).ok_or("no such tier")?;
/// assert!(tier.entitlements().allows("cloud_sync"));
/// assert_eq!(tier.check_in().map(|check_in| check_in.every()), Some(TimeDelta::hours(24)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierPolicy {
    pub(super) label: Box<str>,
    pub(super) entitlements: Arc<Entitlements>,
    pub(super) check_in: Option<CheckIn>,
    pub(super) offline_grace: TimeDelta,
    pub(super) renewal: Option<Renewal>,
}

impl TierPolicy {
    /// Returns the name of the tier.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// assert_eq!(tier.name().as_str(), "PRO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> Tier {
        self.entitlements.tier()
    }

    /// Returns the label of the tier: its name for customers, such as `Studio`. Without a label in
    /// the product file, this is the name of the tier.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// assert_eq!(tier.label(), "PRO", "the built-in product has no labels");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns the features and quotas of the tier.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// assert!(tier.entitlements().allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entitlements(&self) -> &Arc<Entitlements> {
        &self.entitlements
    }

    /// Returns the check-in policy of licenses of this tier, or `None` if these licenses never have
    /// to be validated.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// let check_in = tier.check_in().ok_or("no check-in")?;
    /// assert_eq!(check_in.every().num_hours(), 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_in(&self) -> Option<CheckIn> {
        self.check_in
    }

    /// Returns the duration for which a check-in license stays valid without validation, in whole
    /// hours.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// assert_eq!(tier.offline_grace().num_hours(), 168);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn offline_grace(&self) -> TimeDelta {
        self.offline_grace
    }

    /// Returns the notice period and the grace period of licenses of this tier, or `None` if these
    /// licenses have neither.
    ///
    /// ```
    /// # let matrix = license_core::FeatureMatrix::built_in();
    /// # let tier = matrix.tier(license_core::Tier::parse("PRO")?).ok_or("no such tier")?;
    /// let renewal = tier.renewal().ok_or("no renewal terms")?;
    /// assert_eq!(renewal.notify().num_days(), 14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renewal(&self) -> Option<Renewal> {
        self.renewal
    }
}
