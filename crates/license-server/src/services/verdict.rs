//! Decisions of the server about licenses.

use license_core::Code;
use license_core::evaluate::{Evidence, Rule, RuleOutcome, RuleResult};

/// The decision of the server about a license.
///
/// The rules are those of the library, except check-in, seat and supersession. The server itself is
/// the check-in and lends the seats, so an overdue check-in or a missing seat cannot be a reason to
/// deny one. A license with a successor stays valid until its own end, because its holder may not
/// have the successor yet.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// The reason code.
    pub(super) code: Code,
    /// Whether the license may be used.
    pub(super) is_valid: bool,
    /// The evidence of the rule that decided.
    pub(super) evidence: Evidence,
}

impl Verdict {
    /// The rules that the server does not apply.
    pub(super) const NOT_APPLIED: [Rule; 3] = [Rule::CheckIn, Rule::Seat, Rule::Superseded];

    /// The rules about the program that uses the license. They do not concern the license itself.
    pub(super) const ABOUT_PROGRAM: [Rule; 4] =
        [Rule::Machine, Rule::User, Rule::Usage, Rule::Version];

    /// Returns the decision that follows from the results of the rules, without some of them.
    pub(super) fn new(results: Vec<RuleResult>, ignored: &[Rule]) -> Self {
        let mut grace = None;
        for result in results {
            if ignored.contains(&result.rule) || Self::NOT_APPLIED.contains(&result.rule) {
                continue;
            }
            match result.outcome {
                RuleOutcome::Denied(code) => {
                    return Self {
                        code,
                        is_valid: false,
                        evidence: result.evidence,
                    };
                }
                RuleOutcome::Grace(code) if grace.is_none() => {
                    grace = Some((code, result.evidence));
                }
                _ => {}
            }
        }
        let (code, evidence) = grace.unwrap_or((Code::Valid, Evidence::Nothing));
        Self {
            code,
            is_valid: true,
            evidence,
        }
    }
}
