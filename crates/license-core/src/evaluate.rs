//! One deterministic evaluator: a license, a context, a decision.

mod bundle;
mod context;
mod decision;
mod evidence;
mod machine;
mod rules;
mod said;

use std::sync::Arc;

pub use context::Context;
pub use decision::{Decision, FeatureAnswer, Outcome, Warning};
pub use evidence::Evidence;
pub use rules::{Finding, Rule, RuleOutcome};

use crate::code::Code;
use crate::license::{License, Signer, Validation};
use crate::matrix::Matrix;
use crate::policy::Entitlements;
use crate::time::Timestamp;
use crate::time::{CLOCK_TOLERANCE, Span};
use rules::Case;

impl License {
    /// Decides whether the license holds. The same license, matrix and context always give the same decision.
    ///
    /// Rules are tried in the order of [`Rule::ALL`]; the first that fails denies. What is denied is
    /// downgraded to the base tier of the matrix, not locked out.
    pub fn evaluate(&self, matrix: &Matrix, context: &Context<'_>) -> Decision {
        let case = Case::new(self, matrix, context);
        let mut verdict = Verdict::default();
        for rule in Rule::ALL {
            if let Some((outcome, evidence)) = rule.find(&case) {
                verdict.hear(rule, outcome, evidence);
            }
        }
        decide(&case, verdict)
    }

    /// Applies every rule, also those after the first that fails, so that the whole case can be shown.
    pub fn explain(&self, matrix: &Matrix, context: &Context<'_>) -> Vec<Finding> {
        let case = Case::new(self, matrix, context);
        let finding = |rule: Rule| {
            let found = rule.find(&case);
            let (outcome, evidence) =
                found.unwrap_or((RuleOutcome::NotApplicable, Evidence::Nothing));
            Finding {
                rule,
                outcome,
                evidence,
            }
        };
        Rule::ALL.into_iter().map(finding).collect()
    }
}

/// What the rules have found so far, as far as it counts.
#[derive(Default)]
struct Verdict {
    decisive: Option<Finding>,
    /// In grace by one rule, a license may end by another before.
    ends: Option<Timestamp>,
    check_in: Option<Evidence>,
}

impl Verdict {
    /// The first denial decides, else the first grace. Where all is well, its end is what there is to tell of a license.
    fn hear(&mut self, rule: Rule, outcome: RuleOutcome, evidence: Evidence) {
        if let Some(end) = evidence.grace_until() {
            self.ends = Some(self.ends.map_or(end, |ends| ends.min(end)));
        }
        if let Evidence::CheckIn { .. } = evidence {
            self.check_in = Some(evidence.clone());
        }
        let outweighs = match &self.decisive {
            None => rule == Rule::Expiry || outcome.weight() > 0,
            Some(decisive) => outcome.weight() > decisive.outcome.weight(),
        };
        if outweighs {
            self.decisive = Some(Finding {
                rule,
                outcome,
                evidence,
            });
        }
    }
}

impl RuleOutcome {
    fn weight(self) -> u8 {
        match self {
            Self::NotApplicable | Self::Passed => 0,
            Self::Grace(_) => 1,
            Self::Denied(_) => 2,
        }
    }
}

fn decide(case: &Case<'_>, verdict: Verdict) -> Decision {
    let (rule, found, evidence) = match verdict.decisive {
        Some(finding) => (Some(finding.rule), finding.outcome, finding.evidence),
        None => (None, RuleOutcome::NotApplicable, Evidence::Nothing),
    };
    let (outcome, code) = match found {
        RuleOutcome::Denied(code) => (Outcome::Denied, code),
        RuleOutcome::Grace(code) => (Outcome::Grace, code),
        _ => (Outcome::Licensed, Code::Valid),
    };
    let (effective, holds_until) = match outcome {
        Outcome::Denied => (Arc::clone(case.matrix.base_tier().entitlements()), None),
        _ => (entitlements(case), holds_until(case, verdict.ends)),
    };
    Decision {
        outcome,
        code,
        license: Some(case.license.clone()),
        effective,
        rule,
        warnings: warnings(case, outcome, code, &evidence, holds_until),
        holds_until,
        check_in: verdict.check_in,
        evidence,
        evaluated_at: case.now,
    }
}

/// Until when it holds, or what takes its place: a successor at hand ends it on its first day, and goes on from there if it holds then.
fn holds_until(case: &Case<'_>, end: Option<Timestamp>) -> Option<Timestamp> {
    let start = |newer: &License| newer.not_before().filter(|start| *start > case.now);
    let installed = case.context.all_installed();
    let successors = installed.filter(|newer| rules::replaces(newer, case.license));
    let successors = successors.filter_map(|newer| Some((start(newer)?, newer)));
    let next = successors.min_by_key(|(start, newer)| (*start, newer.id()));
    let Some((start, next)) = next.filter(|(start, _)| end.is_none_or(|end| *start <= end)) else {
        return end;
    };
    // The start of each is later than that of the one before, so that this ends.
    let then = next.evaluate(case.matrix, &case.context.clone().at_instant(start));
    match then.outcome() {
        Outcome::Denied => Some(start),
        _ => then.holds_until(),
    }
}

/// What the vendor said last counts; a customer's own server may only narrow it, and only by what it said since.
fn entitlements(case: &Case<'_>) -> Arc<Entitlements> {
    let vendors = case.newest_vendor_validation;
    let granted = vendors.map_or(case.license.shared_entitlements(), Validation::entitlements);
    match case.newest_validation {
        Some(newest) if newest.signer() == Signer::Server => {
            Arc::new(granted.narrowed_by(newest.entitlements()))
        }
        _ => Arc::clone(granted),
    }
}

fn warnings(
    case: &Case<'_>,
    outcome: Outcome,
    code: Code,
    evidence: &Evidence,
    holds_until: Option<Timestamp>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if outcome == Outcome::Grace {
        let message = grace(case, evidence, holds_until);
        warnings.push(Warning { code, message });
    }
    warnings.extend(clock_behind(case.context.clock(), case.now));
    warnings.extend(list_outdated(case));
    if outcome != Outcome::Denied {
        warnings.extend(expires_soon(case));
    }
    if case.license.is_trial() && outcome != Outcome::Denied {
        warnings.push(Warning {
            code: Code::Trial,
            message: trial(case),
        });
    }
    warnings
}

fn clock_behind(clock: Timestamp, now: Timestamp) -> Option<Warning> {
    let behind = now.seconds_since(clock);
    let message = || {
        let behind = Span(behind);
        format!(
            "{clock} is {behind} behind a time already seen, {now}, which counts instead; if the clock says so, correct it"
        )
    };
    (behind > CLOCK_TOLERANCE).then(|| Warning {
        code: Code::ClockBehind,
        message: message(),
    })
}

/// Of several keys' lists the one that is recent the longest: a key that signs no more leaves its last list behind.
fn list_outdated(case: &Case<'_>) -> Option<Warning> {
    let latest = case.lists().max_by_key(|list| list.next_update())?;
    let (seq, next, now) = (latest.seq(), latest.next_update(), case.now);
    let message = || {
        let late = Span(now.seconds_since(next));
        format!(
            "the one after revocation list {seq} was due at {next}, {late} ago; it goes on counting; ask the vendor for the latest"
        )
    };
    latest.is_outdated_at(now).then(|| Warning {
        code: Code::ListOutdated,
        message: message(),
    })
}

fn grace(case: &Case<'_>, evidence: &Evidence, holds_until: Option<Timestamp>) -> String {
    let why = match evidence {
        Evidence::CheckIn { .. } => "a check-in is due",
        Evidence::Expiry { .. } => "the license has expired",
        _ => "the license is in grace",
    };
    let until = holds_until.unwrap_or(case.now);
    let left = Span(until.seconds_since(case.now)).more();
    format!("{why}; valid for {left}, until {until}")
}

fn expires_soon(case: &Case<'_>) -> Option<Warning> {
    let (end, renewal) = (case.license.expires_at()?, case.license.renewal()?);
    if case.now < end.minus(renewal.notify_seconds()) || case.now >= end || is_renewed(case, end) {
        return None;
    }
    let left = Span(end.seconds_since(case.now));
    let message =
        format!("the license expires in {left}, at {end}; ask the vendor for its renewal");
    Some(Warning {
        code: Code::ExpiresSoon,
        message,
    })
}

/// Whether a license at hand goes on where this one ends.
fn is_renewed(case: &Case<'_>, end: Timestamp) -> bool {
    case.context.all_installed().any(|newer| {
        rules::replaces(newer, case.license)
            && newer.not_before().is_none_or(|start| start <= end)
            && newer.expires_at().is_none_or(|newer_end| newer_end > end)
    })
}

fn trial(case: &Case<'_>) -> String {
    match case.license.expires_at() {
        None => "this is a trial".to_owned(),
        Some(end) => format!(
            "this is a trial; {} left",
            Span(end.seconds_since(case.now))
        ),
    }
}
