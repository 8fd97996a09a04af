//! Labels of a product in messages and JSON. Messages show labels, and JSON has both.

use license_cli_support::escape;
use license_core::{Decision, FeatureMatrix, License};
use serde_json::{Map, Value, json};

use crate::embedded::PROGRAM;

/// Returns the label of the tier of a license. A license of another product has other tiers.
pub(crate) fn tier(license: &License, matrix: &FeatureMatrix) -> String {
    let tier = license.tier();
    if license.product() == matrix.product() {
        matrix.tier_label(&tier).to_owned()
    } else {
        tier.to_string()
    }
}

/// Returns the label of the product of a license.
pub(crate) fn product(license: &License, matrix: &FeatureMatrix) -> String {
    match license.product() {
        product if product == matrix.product() => matrix.label().to_owned(),
        other => other.to_string(),
    }
}

/// Returns the label of the tier in effect.
pub(crate) fn effective_tier(decision: &Decision, matrix: &FeatureMatrix) -> String {
    matrix
        .tier_label(&decision.entitlements().tier())
        .to_owned()
}

/// Returns advice with the name if a text is a label of these features or quotas. `command` needs
/// the name.
pub(crate) fn advice<'a>(
    text: &str,
    mut labels: impl Iterator<Item = (&'a str, &'a str)>,
    command: &str,
) -> Option<String> {
    let found = labels.find(|(_, label)| label.to_lowercase() == text.to_lowercase());
    let (name, label) = found?;
    let label = escape(label);
    Some(format!(
        "{label} is the label of `{name}`: `{PROGRAM} {command} {name}`"
    ))
}

/// Returns the labels by the names in the other members.
pub(crate) fn to_json(matrix: &FeatureMatrix) -> Value {
    let tiers = matrix.tiers().iter();
    let tiers = tiers.map(|tier| (tier.name().to_string(), tier.label().into()));
    let by_name = |(name, label): (&str, &str)| (name.to_owned(), label.into());
    json!({
        "product": matrix.label(),
        "tiers": tiers.collect::<Map<_, _>>(),
        "features": matrix.feature_labels().map(by_name).collect::<Map<_, _>>(),
        "quotas": matrix.quota_labels().map(by_name).collect::<Map<_, _>>(),
    })
}
