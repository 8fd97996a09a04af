//! `license explain`.

use license_cli_support::{Exit, Failure, Terminal, escape};
use license_core::{Decision, RuleOutcome, RuleResult};
use serde_json::{Value, json};

use crate::args::Query;
use crate::context::AppContext;
use crate::output::decision;

/// Prints the result of each rule.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(app: &AppContext, query: &Query, terminal: &Terminal) -> Result<Exit, Failure> {
    let evaluation = app.requested(query)?;
    let (decision, findings) = (evaluation.decide(), evaluation.explain());
    if terminal.is_json() {
        let mut object = decision::to_json(&decision, &evaluation.notices);
        object.insert("rules".to_owned(), findings.iter().map(to_json).collect());
        terminal.json(&Value::Object(object))?;
    } else {
        terminal.data(&to_text(&findings, &decision))?;
        decision::print_warnings(&decision, &evaluation.notices, terminal);
    }
    Ok(decision::exit(&decision, query.context.strict))
}

fn outcome(finding: &RuleResult) -> &'static str {
    match finding.outcome {
        RuleOutcome::NotApplicable => "not applicable",
        RuleOutcome::Passed => "passed",
        RuleOutcome::Grace(code) | RuleOutcome::Denied(code) => code.as_str(),
    }
}

fn to_json(finding: &RuleResult) -> Value {
    let code = match finding.outcome {
        RuleOutcome::Grace(code) | RuleOutcome::Denied(code) => Some(code.as_str()),
        _ => None,
    };
    let outcome = match finding.outcome {
        RuleOutcome::NotApplicable => "not_applicable",
        RuleOutcome::Passed => "passed",
        RuleOutcome::Grace(_) => "grace",
        RuleOutcome::Denied(_) => "denied",
    };
    json!({
        "rule": finding.rule.as_str(),
        "outcome": outcome,
        "code": code,
        "evidence": finding.evidence.to_json(),
    })
}

fn to_text(findings: &[RuleResult], decision: &Decision) -> String {
    let mut lines = Vec::new();
    for (number, finding) in (1..).zip(findings) {
        let rule = finding.rule.as_str();
        lines.push(format!("{number:2}. {rule:11} {}", outcome(finding)));
        if finding.outcome != RuleOutcome::NotApplicable {
            lines.push(format!(
                "      expected {}",
                escape(&finding.evidence.expected())
            ));
            lines.push(format!(
                "      actual   {}",
                escape(&finding.evidence.actual())
            ));
        }
    }
    let tier = decision.entitlements().tier();
    lines.push(format!(
        "=> {}: {}; tier {tier} is in effect",
        decision.outcome(),
        decision.code()
    ));
    lines.join("\n")
}
