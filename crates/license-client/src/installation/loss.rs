//! The losses of replacing a license.

use std::fmt;

use license_core::chrono::{DateTime, Utc};
use license_core::diff::Change;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, License, LicenseId, Tier};

/// The losses if a new license replaces a valid one. The text form lists them.
///
/// ```
/// use license_client::InstallReport;
///
/// /// Describes a replacement in a window.
/// fn describe(report: &InstallReport) -> Option<String> {
///     let loss = report.loss.as_ref()?;
///     Some(format!("The {} license allowed more: {loss}.", loss.installed_label))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LicenseLoss {
    /// The tier of the installed license.
    pub installed: Tier,
    /// The label of that tier.
    pub installed_label: Box<str>,
    /// The tier of the new license.
    pub new: Tier,
    /// The label of that tier.
    pub new_label: Box<str>,
    /// The changes to the disadvantage of the customer.
    pub losses: Vec<Change>,
    /// Other licenses that would no longer be installed.
    pub dropped: Vec<DroppedLicense>,
}

/// A license that is no longer installed, although the new license does not supersede it. It is
/// valid now, or starts later.
///
/// ```
/// use license_client::InstallReport;
///
/// /// Describes the licenses that are no longer installed.
/// fn describe(report: &InstallReport) -> Vec<String> {
///     let loss = report.loss.iter();
///     loss.flat_map(|loss| &loss.dropped).map(ToString::to_string).collect()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedLicense {
    /// The id of the license.
    pub id: LicenseId,
    /// The tier of the license.
    pub tier: Tier,
    /// The label of that tier.
    pub tier_label: String,
    /// The start of the license, if it has not started.
    pub starts: Option<DateTime<Utc>>,
}

impl DroppedLicense {
    pub(super) fn new(
        license: &License,
        starts: Option<DateTime<Utc>>,
        matrix: &FeatureMatrix,
    ) -> Self {
        let tier = license.tier();
        Self {
            id: license.id().clone(),
            tier,
            tier_label: matrix.tier_label(&tier).to_owned(),
            starts,
        }
    }
}

impl fmt::Display for DroppedLicense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} license {}", self.tier_label, self.id)?;
        if let Some(start) = self.starts {
            write!(f, " that starts at {}", rfc3339(start))?;
        }
        f.write_str(" is no longer installed")
    }
}

impl fmt::Display for LicenseLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_feature = |change: &&Change| change.what() == "feature";
        let losses = self.losses.iter();
        let mut texts: Vec<String> = losses
            .clone()
            .filter(|change| !is_feature(change))
            .map(Change::to_string)
            .collect();
        let features: Vec<&str> = losses
            .filter(is_feature)
            .filter_map(Change::label)
            .collect();
        match features.as_slice() {
            [] => {}
            [feature] => texts.push(format!("feature {feature} is removed")),
            features => {
                let (count, names) = (features.len(), features.join(", "));
                texts.push(format!("{count} features are removed: {names}"));
            }
        }
        texts.extend(self.dropped.iter().map(DroppedLicense::to_string));
        f.write_str(&texts.join("; "))
    }
}
