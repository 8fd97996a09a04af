//! `license check`.

use license_cli_support::{
    Exit, Failure, Meaning, Screen, Terminal, closest, escape, may_be_pasted_key,
};
use license_client::{StateProblem, UsageAccount};
use license_core::evaluate::{Evidence, FeatureDecision, Outcome};
use license_core::usage::UsageCounts;
use license_core::{Code, Decision, FeatureMatrix};
use serde_json::{Value, json};

use crate::args::{Check, Query};
use crate::context::{AppContext, Evaluation};
use crate::embedded::command;
use crate::output::notice::{self, Notice};
use crate::output::{decision, labels};

/// Checks a feature and prints the decision on it.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(
    app: &AppContext,
    arguments: &Check,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (feature, query) = (arguments.feature.as_str(), &arguments.query);
    // A longer argument may be a license in the wrong place, so it is not repeated.
    if !(1..=MAX_FEATURE).contains(&feature.len()) || may_be_pasted_key(feature) {
        return Err(invalid_name(feature.len()));
    }
    let base = app.matrix.base_tier().entitlements();
    let mut evaluation = match app.requested(query) {
        // A feature of the base tier needs no license, even if the installed one is damaged.
        Err(failure) if query.license.is_none() && base.allows(feature) => {
            Evaluation::unusable(app, &query.context, failure)
        }
        evaluation => evaluation?,
    };
    // The answer is about the running application, so its version must be covered.
    evaluation.needs_version = true;
    let decision = evaluation.decide();
    let mut answer = decision.feature(feature, &app.matrix);
    let is_known = answer.code != Code::UnknownFeature;
    let is_strict = query.context.strict && decision.outcome() == Outcome::Grace;
    if is_strict && is_known && !base.allows(feature) {
        answer.granted = false;
        answer.code = decision.code();
        answer.evidence = decision.evidence().clone();
    }
    if !answer.granted {
        count_refusal(app, query, feature, &answer, &decision, &mut evaluation);
    }
    if terminal.is_json() {
        let mut object = decision::to_json(&decision, &app.matrix, &evaluation.notices);
        object.insert("feature".to_owned(), feature.into());
        object.insert("granted".to_owned(), answer.granted.into());
        object.insert("feature_code".to_owned(), answer.code.as_str().into());
        object.insert("feature_evidence".to_owned(), json!(answer.evidence));
        terminal.json(&Value::Object(object))?;
    } else {
        decision::print_warnings(&decision, &evaluation.notices, terminal);
        let screen = terminal.screen();
        terminal.data(&sentence(feature, &answer, &decision, &app.matrix, screen))?;
        if answer.code == Code::UnknownFeature {
            terminal.hint(&suggestion(feature, &app.matrix));
        } else if is_left_out(&answer) {
            terminal.hint("ask the vendor to add this feature to the license");
        }
    }
    Ok(if answer.granted {
        Exit::Success
    } else {
        Exit::Denied
    })
}

/// Returns whether the tier has the feature, but the license does not.
fn is_left_out(answer: &FeatureDecision) -> bool {
    let is_in_no_higher_tier = matches!(
        answer.evidence,
        Evidence::Feature {
            included_from: None,
            ..
        }
    );
    answer.code == Code::FeatureNotIncluded && is_in_no_higher_tier
}

/// Counts a refusal for usage reports, if it is about the installed license at this moment.
fn count_refusal(
    app: &AppContext,
    query: &Query,
    feature: &str,
    answer: &FeatureDecision,
    decision: &Decision,
    evaluation: &mut Evaluation<'_>,
) {
    if query.license.is_some() || query.context.at.is_some() {
        return;
    }
    let account = UsageAccount::new(decision, query.context.user.as_deref());
    let refused = UsageCounts::feature_refused_by(decision, &app.matrix, feature, answer.code);
    app.manager.count(account, refused);
    let problems = app.manager.flush_counts();
    // Other problems with the state do not concern the question about a feature.
    let of_journal = problems
        .iter()
        .filter(|problem| matches!(problem, StateProblem::Journal(_)));
    notice::add_missing(&mut evaluation.notices, of_journal.map(Notice::state));
}

const MAX_FEATURE: usize = 64;

fn invalid_name(found: usize) -> Failure {
    let message = format!(
        "expected a feature name of 1 to {MAX_FEATURE} bytes, found a text of {found} bytes"
    );
    Failure::usage(message).hint(concat!(command!("features"), " lists the features"))
}

fn sentence(
    feature: &str,
    answer: &FeatureDecision,
    decision: &Decision,
    matrix: &FeatureMatrix,
    screen: Screen,
) -> String {
    let feature = escape(matrix.feature_label(feature));
    if answer.granted {
        let tier = labels::effective_tier(decision, matrix);
        return screen.sentence(
            Meaning::Good,
            "granted",
            &format!("{feature} (tier {tier})"),
        );
    }
    let (expected, actual) = (answer.evidence.expected(), answer.evidence.actual());
    let (expected, actual) = (escape(&expected), escape(&actual));
    let reason = format!(
        "{feature}: {}: expected {expected}, found {actual}",
        answer.code
    );
    screen.sentence(Meaning::Bad, "denied", &reason)
}

/// Suggests a feature of the product in place of an unknown feature.
fn suggestion(feature: &str, matrix: &FeatureMatrix) -> String {
    if let Some(advice) = labels::advice(feature, matrix.feature_labels(), "check") {
        return advice;
    }
    let features = matrix.features().into_iter().map(|(name, _)| name);
    match closest(feature, features) {
        Some(name) => format!("no tier has this feature; did you mean {name}?"),
        None => concat!(
            "no tier has this feature; ",
            command!("features"),
            " lists them"
        )
        .to_owned(),
    }
}
