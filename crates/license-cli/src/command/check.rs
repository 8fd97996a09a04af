//! `license check`.

use license_core::{Decision, FeatureAnswer, Matrix, Outcome};
use license_terminal::{Exit, Failure, Terminal, escape};
use serde_json::Value;

use super::decide;
use crate::cli::Ask;
use crate::report;
use crate::subject::Site;

pub(crate) fn run(
    site: &Site,
    feature: &str,
    ask: &Ask,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let license = site.asked(ask)?;
    let decision = decide(license.as_ref(), &site.matrix, &ask.context);
    let answer = decision.feature(feature, &site.matrix);
    let in_grace = decision.outcome() == Outcome::Grace;
    // In grace, --strict leaves what the base tier would.
    let base = site.matrix.base_tier().entitlements();
    let granted = answer.granted && (!(in_grace && ask.context.strict) || base.allows(feature));
    if terminal.is_json() {
        let mut object = report::to_json(&decision);
        object.insert("feature".to_owned(), feature.into());
        object.insert("granted".to_owned(), granted.into());
        object.insert("feature_code".to_owned(), answer.code.as_str().into());
        object.insert("feature_evidence".to_owned(), answer.evidence.to_json());
        terminal.json(&Value::Object(object))?;
    } else {
        report::warnings(&decision, terminal);
        terminal.data(&sentence(feature, granted, &answer, &decision))?;
        if let Some(hint) = near_match(feature, &site.matrix).filter(|_| !granted) {
            terminal.note(&hint);
        }
    }
    Ok(if granted {
        Exit::Licensed
    } else {
        Exit::Denied
    })
}

fn sentence(feature: &str, granted: bool, answer: &FeatureAnswer, decision: &Decision) -> String {
    let feature = escape(feature);
    if granted {
        return format!(
            "granted: {feature} (tier {})",
            decision.entitlements().tier()
        );
    }
    let (expected, actual) = (answer.evidence.expected(), answer.evidence.actual());
    format!(
        "denied: {feature}: {}: expected {expected}, found {actual}",
        answer.code
    )
}

/// A feature of the product that differs by little from one that no tier has.
fn near_match(feature: &str, matrix: &Matrix) -> Option<String> {
    if matrix.first_tier_with(feature).is_some() {
        return None;
    }
    let folded = |name: &str| name.to_lowercase().replace(['-', ' ', '.'], "_");
    let asked = folded(feature);
    let near = |name: &str| name == asked || name.contains(&asked) || asked.contains(name);
    let names = matrix.features();
    let (name, _) = names
        .into_iter()
        .find(|(name, _)| asked.len() > 2 && near(name))?;
    Some(format!(
        "hint: no tier has this feature; did you mean {name}?"
    ))
}
