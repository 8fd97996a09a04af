//! Evaluation of a license in a context, with a decision as the result.

mod artifacts;
mod context;
mod decision;
mod evidence;
mod feature_decision;
mod json;
mod machine;
mod missing_context;
mod outcome;
mod rule;
mod rules;
mod seat;
mod validation_history;
mod verified_licenses;
mod warning;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use context::Context;
pub use decision::Decision;
pub use evidence::Evidence;
pub use feature_decision::FeatureDecision;
pub use missing_context::{ContextValue, MissingContext};
pub use outcome::Outcome;
pub use rule::{Rule, RuleOutcome, RuleResult};
pub use seat::SeatProblem;
pub use warning::Warning;

use crate::code::Code;
use crate::license::{License, ValidationSigner};
use crate::matrix::FeatureMatrix;
use crate::policy::Entitlements;
use rules::Evaluation;

impl License {
    /// Decides whether the license is valid. The result depends only on the license, the matrix and
    /// the context.
    ///
    /// Rules are checked in the order of [`Rule::ALL`]. The first rule that fails denies the
    /// license. The entitlements of a denied license are those of the base tier.
    ///
    /// The result does not depend on other artifacts of the file that contains the license. For a
    /// license of [`VerifiedLicenses`](crate::license::VerifiedLicenses), use
    /// [`VerifiedLicenses::evaluate`](crate::license::VerifiedLicenses::evaluate), which also
    /// uses the revocation lists, validation tokens, activations and newer licenses of the file. Or
    /// pass them with [`Context::revocations`], [`Context::validations`],
    /// [`Context::activations`] and [`Context::installed`].
    ///
    /// ```
    /// use license_core::{Context, FeatureMatrix, TrustSet, Unverified, time};
    /// use license_core::evaluate::Outcome;
    ///
    /// # const JWKS: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # const TOKEN: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
    /// # ));
    /// let license = Unverified::parse(TOKEN)?.verify(&TrustSet::parse(JWKS)?)?;
    /// let now = time::parse_instant("2027-01-15")?;
    /// let context = Context::at(now).user("ann");
    /// let decision = license.evaluate(FeatureMatrix::built_in(), &context);
    /// assert_eq!(decision.outcome(), Outcome::Licensed);
    /// assert!(decision.allows("cloud_sync"));
    /// // The JSON object is the one that `license verify --json` prints.
    /// assert_eq!(serde_json::to_value(&decision)?["effective_tier"], "PRO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evaluate(&self, matrix: &FeatureMatrix, context: &Context<'_>) -> Decision {
        let evaluation = Evaluation::new(self, matrix, context);
        let mut results = CombinedResults::default();
        for rule in Rule::ALL {
            if let Some((outcome, evidence)) = rule.check(&evaluation) {
                results.add(rule, outcome, evidence);
            }
        }
        decide(&evaluation, results)
    }

    /// Returns the result of every rule, including the rules after the first that fails.
    ///
    /// The result does not depend on other artifacts of the file that contains the license. For a
    /// license of [`VerifiedLicenses`](crate::license::VerifiedLicenses), use
    /// [`VerifiedLicenses::explain`](crate::license::VerifiedLicenses::explain), which also
    /// uses the revocation lists, validation tokens, activations and newer licenses of the file. Or
    /// pass them with [`Context::revocations`], [`Context::validations`],
    /// [`Context::activations`] and [`Context::installed`].
    ///
    /// ```
    /// # use license_core::{TrustSet, Unverified};
    /// # let trust = TrustSet::parse(include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # )))?;
    /// # let token = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-team.jwt"
    /// # ));
    /// # let license = Unverified::parse(token)?.verify(&trust)?;
    /// use license_core::{Code, Context, FeatureMatrix, time};
    /// use license_core::evaluate::{Rule, RuleOutcome, RuleResult};
    ///
    /// let now = time::parse_instant("2028-06-01")?;
    /// let results = license.explain(FeatureMatrix::built_in(), &Context::at(now));
    /// let is_denied = |result: &&RuleResult| matches!(result.outcome, RuleOutcome::Denied(_));
    /// let denied: Vec<_> = results.iter().filter(is_denied).collect();
    /// // The license has expired, and its check-in is overdue.
    /// assert_eq!(denied.len(), 2);
    /// assert_eq!(denied[0].rule, Rule::Expiry);
    /// assert_eq!(denied[0].outcome.code(), Some(Code::Expired));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self, matrix: &FeatureMatrix, context: &Context<'_>) -> Vec<RuleResult> {
        let evaluation = Evaluation::new(self, matrix, context);
        let result = |rule: Rule| {
            let (outcome, evidence) = rule
                .check(&evaluation)
                .unwrap_or((RuleOutcome::NotApplicable, Evidence::Nothing));
            RuleResult {
                rule,
                outcome,
                evidence,
            }
        };
        Rule::ALL.into_iter().map(result).collect()
    }
}

/// Results of the rules, reduced to what the decision needs.
#[derive(Default)]
struct CombinedResults {
    decisive: Option<RuleResult>,
    /// The earliest end. While one rule grants a grace period, another rule can end the license
    /// sooner.
    ends: Option<DateTime<Utc>>,
    check_in: Option<Evidence>,
}

impl CombinedResults {
    /// Adds the result of a rule.
    ///
    /// The first denial is decisive. Without a denial, the first grace period is decisive. If all
    /// rules pass, the expiry rule is decisive.
    fn add(&mut self, rule: Rule, outcome: RuleOutcome, evidence: Evidence) {
        if let Some(end) = evidence.end() {
            self.ends = Some(self.ends.map_or(end, |ends| ends.min(end)));
        }
        if let Evidence::CheckIn { .. } = evidence {
            self.check_in = Some(evidence.clone());
        }
        let is_decisive = match &self.decisive {
            None => rule == Rule::Expiry || outcome.severity() > 0,
            Some(decisive) => outcome.severity() > decisive.outcome.severity(),
        };
        if is_decisive {
            self.decisive = Some(RuleResult {
                rule,
                outcome,
                evidence,
            });
        }
    }
}

impl RuleOutcome {
    fn severity(self) -> u8 {
        match self {
            Self::NotApplicable | Self::Passed => 0,
            Self::Grace(_) => 1,
            Self::Denied(_) => 2,
        }
    }
}

fn decide(evaluation: &Evaluation<'_>, results: CombinedResults) -> Decision {
    let (rule, rule_outcome, evidence) = match results.decisive {
        Some(result) => (Some(result.rule), result.outcome, result.evidence),
        None => (None, RuleOutcome::NotApplicable, Evidence::Nothing),
    };
    let (outcome, code) = match rule_outcome {
        RuleOutcome::Denied(code) => (Outcome::Denied, code),
        RuleOutcome::Grace(code) => (Outcome::Grace, code),
        _ => (Outcome::Licensed, Code::Valid),
    };
    let (effective, valid_until) = match outcome {
        Outcome::Denied => {
            let base_tier = evaluation.matrix.base_tier();
            (Arc::clone(base_tier.entitlements()), None)
        }
        _ => (
            entitlements(evaluation),
            valid_until(evaluation, results.ends),
        ),
    };
    Decision {
        outcome,
        code,
        license: Some(evaluation.license.clone()),
        effective,
        validated: evaluation
            .newest_vendor_validation
            .map(|validation| Arc::clone(validation.entitlements())),
        in_file: Vec::new(),
        rule,
        warnings: warning::warnings(evaluation, code, valid_until),
        valid_until,
        check_in: results.check_in,
        evidence,
        evaluated_at: evaluation.now,
    }
}

/// Returns the end of the license, or that of its installed successor.
///
/// A successor that starts before `end` ends this license at its own start. If the successor is
/// valid at that instant, the result is the end of the successor. `None` means that nothing ends
/// the license.
fn valid_until(evaluation: &Evaluation<'_>, end: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    let future_start = |newer: &License| newer.not_before().filter(|at| *at > evaluation.now);
    let installed = evaluation.context.all_installed();
    let successors = installed.filter(|newer| rules::replaces(newer, evaluation.license));
    let successors = successors.filter_map(|newer| Some((future_start(newer)?, newer)));
    let next = successors.min_by_key(|(start, newer)| (*start, newer.id()));
    let Some((start, next)) = next.filter(|(start, _)| end.is_none_or(|end| *start <= end)) else {
        return end;
    };
    // Each successor starts later than the previous license, so the recursion ends. A program that
    // holds a seat then acquires one of the successor.
    let context = evaluation.context.clone().at_instant(start);
    let context = context.assuming_seat();
    let decision = next.evaluate(evaluation.matrix, &context);
    match decision.outcome() {
        Outcome::Denied => Some(start),
        _ => decision.holds_until(),
    }
}

/// Returns the entitlements of the newest validation by the vendor, or those of the license. A
/// newer validation by a customer's own server can only narrow these entitlements.
fn entitlements(evaluation: &Evaluation<'_>) -> Arc<Entitlements> {
    let granted = match evaluation.newest_vendor_validation {
        Some(validation) => validation.entitlements(),
        None => evaluation.license.shared_entitlements(),
    };
    match evaluation.newest_validation {
        Some(newest) if newest.signer() == ValidationSigner::Server => {
            Arc::new(granted.narrowed_by(newest.entitlements()))
        }
        _ => Arc::clone(granted),
    }
}
