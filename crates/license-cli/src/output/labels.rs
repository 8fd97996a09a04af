//! Labels of a product in messages and JSON. Messages show labels, and JSON has both.

use license_core::{Decision, FeatureMatrix, License};
use serde_json::{Map, Value, json};

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
