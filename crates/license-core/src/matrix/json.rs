//! JSON objects of a product and its tiers, as `docs/codes.md` documents them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{FeatureMatrix, TierPolicy, TrialPolicy};
use crate::ids::{ProductCode, Tier};
use crate::policy::{Quota, Renewal};

#[derive(Serialize)]
struct MatrixMembers<'a> {
    product: ProductCode,
    label: &'a str,
    issuer: &'a str,
    base_tier: Tier,
    enterprise_tier: Option<Tier>,
    trial: Option<TrialPolicy>,
    user_cool_down_days: i64,
    seats_quota: Option<&'a str>,
    devices_quota: Option<&'a str>,
    tiers: &'a [TierPolicy],
    features: BTreeMap<&'a str, LabelMember<'a>>,
    quotas: BTreeMap<&'a str, LabelMember<'a>>,
}

/// The label of a feature or quota.
#[derive(Serialize)]
struct LabelMember<'a> {
    label: &'a str,
}

/// Returns the members for labels by name.
fn by_name<'a>(
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<&'a str, LabelMember<'a>> {
    labels
        .map(|(name, label)| (name, LabelMember { label }))
        .collect()
}

/// Writes the product with all tiers.
impl Serialize for FeatureMatrix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = MatrixMembers {
            product: self.product(),
            label: self.label(),
            issuer: self.issuer(),
            base_tier: self.base_tier().name(),
            enterprise_tier: self.enterprise_tier().map(TierPolicy::name),
            trial: self.trial(),
            user_cool_down_days: self.user_cool_down().num_days(),
            seats_quota: self.seats_quota(),
            devices_quota: self.devices_quota(),
            tiers: self.tiers(),
            features: by_name(self.feature_labels()),
            quotas: by_name(self.quota_labels()),
        };
        members.serialize(serializer)
    }
}

#[derive(Serialize)]
struct TierMembers<'a> {
    name: Tier,
    label: &'a str,
    features: Arc<BTreeSet<String>>,
    quotas: Arc<BTreeMap<String, Quota>>,
    check_in_every_hours: Option<i64>,
    offline_grace_hours: i64,
    renewal: Option<Renewal>,
}

/// Writes the tier with its features, quotas, check-in and renewal.
impl Serialize for TierPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entitlements = self.entitlements();
        let members = TierMembers {
            name: self.name(),
            label: self.label(),
            features: entitlements.shared_features(),
            quotas: entitlements.shared_quotas(),
            check_in_every_hours: self.check_in().map(|check_in| check_in.every().num_hours()),
            offline_grace_hours: self.offline_grace().num_hours(),
            renewal: self.renewal(),
        };
        members.serialize(serializer)
    }
}
