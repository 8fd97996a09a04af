//! The losses of replacing a license.

use std::fmt;

use license_core::Tier;
use license_core::diff::Change;

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
    pub installed_label: String,
    /// The tier of the new license.
    pub new: Tier,
    /// The label of that tier.
    pub new_label: String,
    /// The changes to the disadvantage of the customer.
    pub losses: Vec<Change>,
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
        f.write_str(&texts.join("; "))
    }
}
