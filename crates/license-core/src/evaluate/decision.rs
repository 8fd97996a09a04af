//! Result of an evaluation.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Context, Evidence, Rule, clock_behind};
use crate::code::Code;
use crate::ids::Tier;
use crate::license::License;
use crate::matrix::FeatureMatrix;
use crate::policy::{Entitlements, Quota};
use crate::time;

/// Validity of a license, ordered from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The license is not valid. The base tier applies.
    Denied,
    /// The license is valid for the rest of a grace period.
    Grace,
    /// The license is valid.
    Licensed,
}

impl Outcome {
    /// Returns the name in JSON.
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

/// Condition that deserves attention although it does not change the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The reason code.
    pub code: Code,
    /// A description for users.
    pub message: String,
}

/// Decision about a license: the entitlements that apply now, and the reason.
///
/// A lookup of a feature or quota takes nanoseconds and does not allocate.
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
    pub(super) evaluated_at: DateTime<Utc>,
    pub(super) valid_until: Option<DateTime<Utc>>,
    pub(super) check_in: Option<Evidence>,
}

/// Decision about a feature.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct FeatureDecision {
    /// Whether the feature may be used.
    pub granted: bool,
    /// The code of the decision if the feature is granted, or if a denied license includes the
    /// feature. Otherwise `FEATURE_NOT_INCLUDED`.
    pub code: Code,
    /// The expected and actual values.
    pub evidence: Evidence,
}

impl Decision {
    /// Returns the decision without a license: denied, with the entitlements of the base tier.
    pub fn without_license(matrix: &FeatureMatrix, context: &Context<'_>) -> Self {
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
            valid_until: None,
            check_in: None,
        }
    }

    /// Returns the validity of the license.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns the reason code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the evaluated license.
    pub fn license(&self) -> Option<&License> {
        self.license.as_ref()
    }

    /// Returns the entitlements that apply now: those of the license, or those of the base tier if
    /// the license is denied.
    pub fn entitlements(&self) -> &Entitlements {
        &self.effective
    }

    /// Returns whether the feature may be used now.
    #[inline]
    pub fn allows(&self, feature: &str) -> bool {
        self.effective.allows(feature)
    }

    /// Returns the quota that applies now.
    pub fn quota(&self, name: &str) -> Option<Quota> {
        self.effective.quota(name)
    }

    /// Returns the decisive rule.
    pub fn rule(&self) -> Option<Rule> {
        self.rule
    }

    /// Returns the expected and actual values of the decisive rule.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Returns the rest of the grace period, or `None` outside a grace period.
    pub fn grace_left(&self) -> Option<TimeDelta> {
        let until = self
            .valid_until
            .filter(|_| self.outcome == Outcome::Grace)?;
        Some(time::duration_since(until, self.evaluated_at))
    }

    /// Returns the instant at which the license ends if no other artifact is installed until then.
    /// Grace periods and installed successors are included. Returns `None` if the license is
    /// denied, or if nothing ends the license.
    pub fn holds_until(&self) -> Option<DateTime<Utc>> {
        self.valid_until
    }

    /// Returns the [`Evidence::CheckIn`] of a license that must be validated, even if another rule
    /// is decisive.
    pub fn check_in(&self) -> Option<&Evidence> {
        self.check_in.as_ref()
    }

    /// Returns the warnings.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Returns the instant of the evaluation: the latest of the clock and all instants seen before,
    /// such as the clock high-water mark.
    pub fn evaluated_at(&self) -> DateTime<Utc> {
        self.evaluated_at
    }

    /// Returns the lowest tier with the feature. Returns `None` if the current tier has the
    /// feature, but this license does not.
    fn first_tier_with(&self, feature: &str, matrix: &FeatureMatrix) -> Option<Tier> {
        let current = matrix.tier(self.effective.tier());
        let lacks = current.is_none_or(|tier| !tier.entitlements().allows(feature));
        let first = matrix
            .first_tier_with(feature)
            .filter(|_| lacks || self.allows(feature));
        first.map(|tier| tier.name())
    }

    /// Decides whether the feature may be used. The code distinguishes a license without the
    /// feature from a license that is denied.
    pub fn feature(&self, name: &str, matrix: &FeatureMatrix) -> FeatureDecision {
        let feature = Evidence::Feature {
            feature: name.into(),
            included_from: self.first_tier_with(name, matrix),
            tier: self.effective.tier(),
        };
        let is_in_license = self
            .license()
            .is_some_and(|license| license.entitlements().allows(name));
        let (granted, code, evidence) = if self.allows(name) {
            (true, self.code, feature)
        } else if is_in_license && self.outcome == Outcome::Denied {
            (false, self.code, self.evidence.clone())
        } else {
            (false, Code::FeatureNotIncluded, feature)
        };
        FeatureDecision {
            granted,
            code,
            evidence,
        }
    }
}
