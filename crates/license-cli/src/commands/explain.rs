//! `license explain`.

use license_cli_support::{Exit, Failure, Terminal, escape};
use license_core::evaluate::{RuleOutcome, RuleResult};
use license_core::{Decision, FeatureMatrix};
use serde_json::{Value, json};

use crate::args::Query;
use crate::context::AppContext;
use crate::output::{decision, labels};

/// Prints the result of each rule.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(app: &AppContext, query: &Query, terminal: &Terminal) -> Result<Exit, Failure> {
    let evaluation = app.requested(query)?;
    let (decision, results) = (evaluation.decide(), evaluation.explain());
    if terminal.is_json() {
        let mut object = decision::to_json(&decision, &app.matrix, &evaluation.notices);
        object.insert("rules".to_owned(), json!(results));
        terminal.json(&Value::Object(object))?;
    } else {
        terminal.data(&to_text(&results, &decision, &app.matrix))?;
        decision::print_warnings(&decision, &evaluation.notices, terminal);
    }
    Ok(decision::exit(&decision, query.context.strict))
}

fn outcome(result: &RuleResult) -> &'static str {
    match result.outcome {
        RuleOutcome::NotApplicable => "not applicable",
        RuleOutcome::Passed => "passed",
        RuleOutcome::Grace(code) | RuleOutcome::Denied(code) => code.as_str(),
    }
}

fn to_text(results: &[RuleResult], decision: &Decision, matrix: &FeatureMatrix) -> String {
    let mut lines = Vec::new();
    for (number, result) in (1..).zip(results) {
        let rule = result.rule.as_str();
        lines.push(format!("{number:2}. {rule:11} {}", outcome(result)));
        if result.outcome != RuleOutcome::NotApplicable {
            lines.push(format!(
                "      expected {}",
                escape(&result.evidence.expected())
            ));
            lines.push(format!(
                "      actual   {}",
                escape(&result.evidence.actual())
            ));
        }
    }
    let tier = labels::effective_tier(decision, matrix);
    lines.push(format!(
        "=> {}: {}; tier {tier} is in effect",
        decision.outcome(),
        decision.code()
    ));
    lines.join("\n")
}
