//! Evaluation of a license in a context, with a decision as the result.

mod context;
mod decision;
mod evidence;
mod machine;
mod missing_context;
mod rules;
mod validation_history;
mod verified_licenses;

use std::sync::Arc;

pub use context::Context;
pub use decision::{Decision, FeatureDecision, Outcome, Warning};
pub use evidence::Evidence;
pub use missing_context::{ContextValue, MissingContext};
pub use rules::{Rule, RuleOutcome, RuleResult};

use crate::code::Code;
use crate::license::{License, ValidationSigner};
use crate::matrix::FeatureMatrix;
use crate::policy::Entitlements;
use crate::time::{self, CLOCK_TOLERANCE, rfc3339};
use chrono::{DateTime, Utc};
use rules::Evaluation;

impl License {
    /// Decides whether the license is valid. The result depends only on the license, the matrix and
    /// the context.
    ///
    /// Rules are checked in the order of [`Rule::ALL`]. The first rule that fails denies the
    /// license. The entitlements of a denied license are those of the base tier.
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
        if let Some(end) = evidence.grace_until() {
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
        rule,
        warnings: warnings(evaluation, outcome, code, &evidence, valid_until),
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
    // Each successor starts later than the previous license, so the recursion ends.
    let context = evaluation.context.clone().at_instant(start);
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

fn warnings(
    evaluation: &Evaluation<'_>,
    outcome: Outcome,
    code: Code,
    evidence: &Evidence,
    valid_until: Option<DateTime<Utc>>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if outcome == Outcome::Grace {
        let message = grace_message(evaluation, evidence, valid_until);
        warnings.push(Warning { code, message });
    }
    warnings.extend(clock_behind(evaluation.context.clock(), evaluation.now));
    warnings.extend(list_outdated(evaluation));
    if outcome != Outcome::Denied {
        warnings.extend(expires_soon(evaluation));
    }
    if evaluation.license.is_trial() && outcome != Outcome::Denied {
        warnings.push(Warning {
            code: Code::Trial,
            message: trial_message(evaluation),
        });
    }
    warnings
}

fn clock_behind(clock: DateTime<Utc>, now: DateTime<Utc>) -> Option<Warning> {
    let behind = time::duration_since(now, clock);
    let message = || {
        let behind = time::humanize(behind);
        let [clock, now] = [clock, now].map(rfc3339);
        format!(
            "{clock} is {behind} behind {now}, the latest time seen, which is used instead; \
             correct the clock, or ask the vendor for a clock repair if the clock is right"
        )
    };
    (behind > CLOCK_TOLERANCE).then(|| Warning {
        code: Code::ClockBehind,
        message: message(),
    })
}

/// Returns a warning if all revocation lists are outdated. Among the lists of several keys, only
/// the list with the latest next update matters, because a retired key leaves its last list behind.
fn list_outdated(evaluation: &Evaluation<'_>) -> Option<Warning> {
    let latest = evaluation.lists().max_by_key(|list| list.next_update())?;
    let (seq, next, now) = (latest.seq(), latest.next_update(), evaluation.now);
    let message = || {
        let late = time::humanize(time::duration_since(now, next));
        let next = rfc3339(next);
        format!(
            "the update of revocation list {seq} was due at {next}, {late} ago; the list still \
             applies; ask the vendor for the latest list"
        )
    };
    latest.is_outdated_at(now).then(|| Warning {
        code: Code::ListOutdated,
        message: message(),
    })
}

fn grace_message(
    evaluation: &Evaluation<'_>,
    evidence: &Evidence,
    valid_until: Option<DateTime<Utc>>,
) -> String {
    let reason = match evidence {
        Evidence::CheckIn { .. } => "a check-in is due",
        Evidence::Expiry { .. } => "the license has expired",
        _ => "the license is in a grace period",
    };
    let until = valid_until.unwrap_or(evaluation.now);
    let left = time::humanize_more(time::duration_since(until, evaluation.now));
    let until = rfc3339(until);
    format!("{reason}; valid for {left}, until {until}")
}

fn expires_soon(evaluation: &Evaluation<'_>) -> Option<Warning> {
    let (license, now) = (evaluation.license, evaluation.now);
    let (end, renewal) = (license.expires_at()?, license.renewal()?);
    let notice = time::saturating_sub(end, renewal.notify());
    if now < notice || now >= end || is_renewed(evaluation, end) {
        return None;
    }
    let left = time::humanize(time::duration_since(end, now));
    let end = rfc3339(end);
    let message = format!("the license expires in {left}, at {end}; ask the vendor to renew it");
    Some(Warning {
        code: Code::ExpiresSoon,
        message,
    })
}

/// Returns whether an installed successor continues after the end of this license.
fn is_renewed(evaluation: &Evaluation<'_>, end: DateTime<Utc>) -> bool {
    evaluation.context.all_installed().any(|newer| {
        rules::replaces(newer, evaluation.license)
            && newer.not_before().is_none_or(|start| start <= end)
            && newer.expires_at().is_none_or(|newer_end| newer_end > end)
    })
}

fn trial_message(evaluation: &Evaluation<'_>) -> String {
    match evaluation.license.expires_at() {
        None => "this is a trial license".to_owned(),
        Some(end) => {
            let left = time::humanize(time::duration_since(end, evaluation.now));
            format!("this is a trial license; {left} left")
        }
    }
}
