//! JSON objects of decisions, as `docs/codes.md` documents them.

mod evidence;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::{Decision, Evidence, FeatureDecision, Outcome, Rule, RuleResult, Warning};
use crate::ids::{ProductCode, Tier};
use crate::key::LicenseId;
use crate::license::License;
use crate::policy::Quota;
use crate::time::serde_rfc3339;
use evidence::WithRule;

/// The members of a decision, in their documented order.
#[derive(Serialize)]
struct DecisionMembers<'a> {
    decision: Outcome,
    code: &'a str,
    tier: Option<Tier>,
    effective_tier: Tier,
    features: Arc<BTreeSet<String>>,
    quotas: Arc<BTreeMap<String, Quota>>,
    license_id: Option<&'a LicenseId>,
    customer: Option<&'a str>,
    product: Option<ProductCode>,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    issued_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    expires_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    holds_until: Option<DateTime<Utc>>,
    check_in: Option<&'a Evidence>,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    evaluated_at: DateTime<Utc>,
    warnings: &'a [Warning],
    evidence: WithRule<'a>,
}

/// Writes the JSON object that `license verify --json` prints about a decision.
impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (license, effective) = (self.license(), self.entitlements());
        let members = DecisionMembers {
            decision: self.outcome(),
            code: self.code().as_str(),
            tier: license.map(License::tier),
            effective_tier: effective.tier(),
            features: effective.shared_features(),
            quotas: effective.shared_quotas(),
            license_id: license.map(License::id),
            customer: license.map(License::customer),
            product: license.map(License::product),
            issued_at: license.and_then(License::issued_at),
            expires_at: license.and_then(License::expires_at),
            holds_until: self.holds_until(),
            check_in: self.check_in(),
            evaluated_at: self.evaluated_at(),
            warnings: self.warnings(),
            evidence: WithRule {
                evidence: self.evidence(),
                rule: self.rule(),
            },
        };
        members.serialize(serializer)
    }
}

#[derive(Serialize)]
struct FeatureDecisionMembers<'a> {
    granted: bool,
    code: &'a str,
    evidence: &'a Evidence,
}

/// Writes `granted`, `code` and `evidence`.
impl Serialize for FeatureDecision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = FeatureDecisionMembers {
            granted: self.granted,
            code: self.code.as_str(),
            evidence: &self.evidence,
        };
        members.serialize(serializer)
    }
}

#[derive(Serialize)]
struct RuleMembers<'a> {
    rule: Rule,
    outcome: &'a str,
    code: Option<&'a str>,
    evidence: &'a Evidence,
}

/// Writes `rule`, `outcome`, `code` and `evidence`.
impl Serialize for RuleResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = RuleMembers {
            rule: self.rule,
            outcome: self.outcome.as_str(),
            code: self.outcome.code().map(|code| code.as_str()),
            evidence: &self.evidence,
        };
        members.serialize(serializer)
    }
}
