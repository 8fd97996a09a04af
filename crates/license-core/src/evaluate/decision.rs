//! The outcome of an evaluation.

use std::fmt;
use std::sync::Arc;

use super::{Context, Evidence, Rule, clock_behind};
use crate::code::Code;
use crate::ids::Tier;
use crate::license::License;
use crate::matrix::Matrix;
use crate::policy::{Entitlements, Quota};
use crate::time::Timestamp;

/// Whether a license holds. Ordered from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It does not: what the base tier allows is what is left.
    Denied,
    /// It holds for the rest of a grace period.
    Grace,
    /// It holds.
    Licensed,
}

impl Outcome {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Licensed => "licensed",
            Self::Grace => "grace",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something worth knowing beside the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The reason code.
    pub code: Code,
    /// What it is about, for a person.
    pub message: String,
}

/// What is allowed, and why.
///
/// Look-ups cost nanoseconds and no allocation, so that a program can ask at every turn.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision {
    pub(super) outcome: Outcome,
    pub(super) code: Code,
    pub(super) license: Option<License>,
    pub(super) effective: Arc<Entitlements>,
    pub(super) rule: Option<Rule>,
    pub(super) evidence: Evidence,
    pub(super) warnings: Vec<Warning>,
    pub(super) evaluated_at: Timestamp,
    pub(super) holds_until: Option<Timestamp>,
    pub(super) check_in: Option<Evidence>,
}

/// Whether a feature is granted, and if not, why.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct FeatureAnswer {
    /// Whether it may be used.
    pub granted: bool,
    /// The decision's code if the feature is granted or the decision stands in its way, else `FEATURE_NOT_INCLUDED`.
    pub code: Code,
    /// What was looked at.
    pub evidence: Evidence,
}

impl Decision {
    /// The decision where there is no license: denied, which leaves the base tier.
    pub fn without_license(matrix: &Matrix, context: &Context<'_>) -> Self {
        let clock = context.clock();
        let now = context.high_water.map_or(clock, |mark| mark.max(clock));
        Self {
            outcome: Outcome::Denied,
            code: Code::NoLicense,
            license: None,
            effective: Arc::clone(matrix.base_tier().entitlements()),
            rule: None,
            evidence: Evidence::NoLicense,
            warnings: clock_behind(clock, now).into_iter().collect(),
            evaluated_at: now,
            holds_until: None,
            check_in: None,
        }
    }

    /// Whether the license holds.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The license that was evaluated.
    pub fn license(&self) -> Option<&License> {
        self.license.as_ref()
    }

    /// What is allowed now: the license's entitlements, or the base tier's if it does not hold.
    pub fn entitlements(&self) -> &Entitlements {
        &self.effective
    }

    /// Whether the feature may be used now.
    #[inline]
    pub fn allows(&self, feature: &str) -> bool {
        self.effective.allows(feature)
    }

    /// The quota in effect now.
    pub fn quota(&self, name: &str) -> Option<Quota> {
        self.effective.quota(name)
    }

    /// The rule that decided.
    pub fn rule(&self) -> Option<Rule> {
        self.rule
    }

    /// What the rule looked at.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// For how many seconds a license in grace still holds; none if it is not in grace.
    pub fn grace_left(&self) -> Option<u64> {
        let until = self
            .holds_until
            .filter(|_| self.outcome == Outcome::Grace)?;
        Some(until.seconds_since(self.evaluated_at))
    }

    /// Until when a license that holds goes on holding as things are, grace included, and a successor at hand that takes its place; none
    /// if it is denied, or if nothing ends it.
    pub fn holds_until(&self) -> Option<Timestamp> {
        self.holds_until
    }

    /// What is known of the license's check-ins, whether or not they decided: an [`Evidence::CheckIn`], if it must be validated.
    pub fn check_in(&self) -> Option<&Evidence> {
        self.check_in.as_ref()
    }

    /// What is worth knowing beside it.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The instant of the evaluation: never before an instant that was seen earlier.
    pub fn evaluated_at(&self) -> Timestamp {
        self.evaluated_at
    }

    /// The least tier that would bring the feature; none if the tier in effect has it and this license does not.
    fn first_tier_with(&self, feature: &str, matrix: &Matrix) -> Option<Tier> {
        let in_effect = matrix.tier(self.effective.tier());
        let lacks = in_effect.is_none_or(|tier| !tier.entitlements().allows(feature));
        let first = matrix
            .first_tier_with(feature)
            .filter(|_| lacks || self.allows(feature));
        first.map(|tier| tier.name())
    }

    /// Whether the feature may be used, and if not, whether the license never had it or does not hold.
    pub fn feature(&self, name: &str, matrix: &Matrix) -> FeatureAnswer {
        let feature = Evidence::Feature {
            feature: name.into(),
            included_from: self.first_tier_with(name, matrix),
            tier: self.effective.tier(),
        };
        let was_bought = self
            .license()
            .is_some_and(|license| license.entitlements().allows(name));
        let (granted, code, evidence) = match self.allows(name) {
            true => (true, self.code, feature),
            false if was_bought && self.outcome == Outcome::Denied => {
                (false, self.code, self.evidence.clone())
            }
            false => (false, Code::FeatureNotIncluded, feature),
        };
        FeatureAnswer {
            granted,
            code,
            evidence,
        }
    }
}
