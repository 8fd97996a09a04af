//! `license explain`.

use license_cli_support::{
    Exit, Failure, Fields, Meaning, Screen, Terminal, escape, show_name, wrap,
};
use license_core::evaluate::{Outcome, RuleOutcome, RuleResult};
use license_core::{Code, Decision, FeatureMatrix};
use serde_json::{Value, json};

use crate::args::Explain;
use crate::context::AppContext;
use crate::embedded::{PROGRAM, command};
use crate::output::{decision, held_seat, labels};

/// The indentation of the expected and actual values.
const VALUE_INDENT: usize = 6;

/// Prints the decision and the result of each rule.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(
    app: &AppContext,
    arguments: &Explain,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if let Some(argument) = &arguments.unexpected {
        return Err(unexpected(argument, &app.matrix));
    }
    let query = &arguments.query;
    let evaluation = app.requested(query)?;
    let (decision, results) = (evaluation.decide(), evaluation.explain());
    if terminal.is_json() {
        let mut object = decision::to_json(&decision, &app.matrix, &evaluation.notices);
        object.insert("rules".to_owned(), json!(results));
        if let Some(seat) = &evaluation.seat {
            object.insert("seat".to_owned(), held_seat::to_json(seat));
        }
        terminal.json(&Value::Object(object))?;
    } else {
        let (is_strict, screen) = (query.context.strict, terminal.screen());
        let advice = decision::advice(&decision, evaluation.place(&decision));
        // The advice about a superseded license is to run this command.
        let advice = advice.filter(|_| decision.code() != Code::Superseded);
        let about = about(&results, &decision, &app.matrix, advice).map(|mut about| {
            if let Some(seat) = &evaluation.seat {
                about.add("seat", held_seat::line(seat, license_client::now()));
            }
            about
        });
        let text = to_text(&results, &decision, &app.matrix, about, is_strict, screen);
        terminal.page(&text)?;
        decision::print_warnings(&decision, &evaluation.notices, terminal);
    }
    Ok(decision::exit(&decision, query.context.strict))
}

/// Returns the failure of an argument that is no option. `check` answers a question about a
/// feature.
fn unexpected(argument: &str, matrix: &FeatureMatrix) -> Failure {
    let found = show_name(argument);
    let features = matrix.features();
    let mut features = features.iter().map(|(name, _)| *name);
    let hint = match features.find(|name| *name == argument) {
        Some(name) => format!("`{PROGRAM} check {name}` checks this feature"),
        None => concat!(
            "--license FILE explains a file; ",
            command!("check FEATURE"),
            " checks a feature"
        )
        .to_owned(),
    };
    Failure::usage(format!("expected only options, found {found}")).hint(hint)
}

fn outcome(result: &RuleResult) -> &'static str {
    match result.outcome {
        RuleOutcome::NotApplicable => "not applicable",
        RuleOutcome::Passed => "passed",
        RuleOutcome::Grace(code) | RuleOutcome::Denied(code) => code.as_str(),
    }
}

fn meaning(result: &RuleResult) -> Meaning {
    match result.outcome {
        RuleOutcome::NotApplicable => Meaning::Dim,
        RuleOutcome::Passed => Meaning::Good,
        RuleOutcome::Grace(_) => Meaning::Warning,
        RuleOutcome::Denied(_) => Meaning::Bad,
    }
}

/// Returns the verdict, what it is about, then each rule.
fn to_text(
    results: &[RuleResult],
    decision: &Decision,
    matrix: &FeatureMatrix,
    about: Option<Fields>,
    is_strict: bool,
    screen: Screen,
) -> String {
    let tier = labels::effective_tier(decision, matrix);
    let (outcome, code) = (decision.outcome(), decision.code());
    let verdict = format!("{outcome}: {code}; tier {tier} is in effect");
    let verdict = screen.verdict(decision::meaning(decision, is_strict), &verdict);
    let verdict = wrap(&verdict, screen.columns(), 0);
    let verdict = match about {
        Some(about) => format!("{verdict}\n{}", about.to_text(screen.columns())),
        None => verdict,
    };
    let rules = (1..)
        .zip(results)
        .map(|(number, result)| rule(number, result, screen));
    let rules: Vec<_> = rules.collect();
    if rules.is_empty() {
        return verdict;
    }
    format!("{verdict}\n\n{}", rules.join("\n"))
}

/// Returns the license and, unless the license is valid, the rule that decided and what to do.
fn about(
    results: &[RuleResult],
    decision: &Decision,
    matrix: &FeatureMatrix,
    advice: Option<&str>,
) -> Option<Fields> {
    let license = decision.license()?;
    let mut fields = Fields::new();
    fields.add("license id", license.id().to_string());
    fields.add("customer", escape(license.customer()).into_owned());
    fields.add("tier", labels::tier(license, matrix));
    let is_decisive = |(_, result): &(i32, &RuleResult)| {
        let is_valid = decision.outcome() == Outcome::Licensed;
        !is_valid && Some(result.rule) == decision.rule()
    };
    if let Some((number, result)) = (1..).zip(results).find(is_decisive) {
        fields.add("rule", format!("{number}. {}", result.rule));
        fields.add("expected", decision.evidence().expected());
        fields.add("actual", decision.evidence().actual());
    }
    if let Some(advice) = advice {
        fields.add("hint", advice);
    }
    Some(fields)
}

/// Returns a line for a rule, and the expected and actual values below it if the rule applies.
fn rule(number: usize, result: &RuleResult, screen: Screen) -> String {
    let (meaning, name) = (meaning(result), result.rule.as_str());
    let mark = screen.mark(meaning);
    let mark = mark.map_or_else(String::new, |mark| format!("{} ", mark.painted()));
    let outcome = outcome(result);
    let line = match meaning {
        Meaning::Dim => meaning.paint(&format!("{number:2}. {name:11} {outcome}")),
        _ => format!("{number:2}. {name:11} {}", meaning.paint(outcome)),
    };
    let line = format!("{mark}{line}");
    if result.outcome == RuleOutcome::NotApplicable {
        return line;
    }
    let mut values = Fields::new().indent(VALUE_INDENT);
    values.add("expected", result.evidence.expected());
    values.add("actual", result.evidence.actual());
    let values = values.to_text(screen.columns());
    format!("{line}\n{values}")
}
