//! `license check`.

use license_client::StateProblem;
use license_core::usage_report::Counts;
use license_core::{Decision, FeatureAnswer, Matrix, Outcome};
use license_terminal::{Exit, Failure, Terminal, escape};
use serde_json::Value;

use crate::cli::{Ask, Check};
use crate::report::{self, Notice};
use crate::subject::{Case, Site};

pub(crate) fn run(site: &Site, arguments: &Check, terminal: &Terminal) -> Result<Exit, Failure> {
    let (feature, ask) = (arguments.feature.as_str(), &arguments.ask);
    // Longer names are nobody's feature, but may be a license pasted in the wrong place.
    if !(1..=MAX_FEATURE).contains(&feature.len()) {
        return Err(no_name(feature.len()));
    }
    let base = site.matrix.base_tier().entitlements();
    let mut case = match site.asked(ask) {
        // What needs no license is granted without one, also where the installed one is damaged.
        Err(failure) if ask.license.is_none() && base.allows(feature) => {
            let mut case = Case::without_license(site, &ask.context);
            case.notices.push(Notice::of_failure(&failure));
            case
        }
        asked => asked?,
    };
    let decision = case.decide();
    let mut answer = decision.feature(feature, &site.matrix);
    if ask.context.strict && decision.outcome() == Outcome::Grace && !base.allows(feature) {
        let (code, evidence) = (decision.code(), decision.evidence().clone());
        answer = FeatureAnswer {
            granted: false,
            code,
            evidence,
        };
    }
    if !answer.granted {
        count(site, ask, feature, &answer, &decision, &mut case);
    }
    if terminal.is_json() {
        let mut object = report::to_json(&decision, &case.notices);
        object.insert("feature".to_owned(), feature.into());
        object.insert("granted".to_owned(), answer.granted.into());
        object.insert("feature_code".to_owned(), answer.code.as_str().into());
        object.insert("feature_evidence".to_owned(), answer.evidence.to_json());
        terminal.json(&Value::Object(object))?;
    } else {
        report::warnings(&decision, &case.notices, terminal);
        terminal.data(&sentence(feature, &answer, &decision))?;
        if let Some(hint) = near_match(feature, &site.matrix).filter(|_| !answer.granted) {
            terminal.note(&hint);
        }
    }
    Ok(if answer.granted {
        Exit::Licensed
    } else {
        Exit::Denied
    })
}

/// Counts a refusal for usage reports: one of what is installed, here and now.
fn count(
    site: &Site,
    ask: &Ask,
    feature: &str,
    answer: &FeatureAnswer,
    decision: &Decision,
    case: &mut Case<'_>,
) {
    if ask.license.is_some() || ask.context.at.is_some() {
        return;
    }
    let account = report::account(decision, ask.context.user.as_deref());
    let refused = Counts::feature_refused_by(decision, &site.matrix, feature, answer.code);
    site.host.count(account, refused);
    let problems = site.host.flush_counts();
    // That nothing can be kept at all is no news for who asks about a feature.
    let of_journal = problems
        .iter()
        .filter(|problem| matches!(problem, StateProblem::Journal(_)));
    report::add(&mut case.notices, of_journal.map(Notice::of_state));
}

const MAX_FEATURE: usize = 64;

fn no_name(found: usize) -> Failure {
    let message = format!("expected a feature's name of 1 to {MAX_FEATURE} bytes, found {found}");
    Failure::usage(message).hint("`license features` lists the features")
}

fn sentence(feature: &str, answer: &FeatureAnswer, decision: &Decision) -> String {
    let feature = escape(feature);
    if answer.granted {
        return format!(
            "granted: {feature} (tier {})",
            decision.entitlements().tier()
        );
    }
    let (expected, actual) = (answer.evidence.expected(), answer.evidence.actual());
    let (expected, actual) = (escape(&expected), escape(&actual));
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
    let features = matrix.features();
    let found = features
        .into_iter()
        .find(|(name, _)| asked.len() > 2 && near(name));
    Some(match found {
        Some((name, _)) => format!("hint: no tier has this feature; did you mean {name}?"),
        None => "hint: no tier has this feature; `license features` lists them".to_owned(),
    })
}
