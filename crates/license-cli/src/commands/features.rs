//! `license features`.

use std::collections::BTreeSet;

use license_cli_support::{
    Exit, Failure, Meaning, Screen, StyledText, Terminal, TextColumn, TextTable,
};
use license_core::evaluate::{Evidence, FeatureDecision, Outcome};
use license_core::policy::Quota;
use license_core::{Decision, FeatureMatrix};
use serde_json::{Value, json};

use crate::args::Query;
use crate::context::AppContext;
use crate::output::decision;

/// A feature, whether each tier includes the feature, and the decision on the feature.
struct FeatureRow {
    feature: String,
    tiers: Vec<bool>,
    answer: FeatureDecision,
}

/// Prints the features and quotas of each tier, and the decision on each feature.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(app: &AppContext, query: &Query, terminal: &Terminal) -> Result<Exit, Failure> {
    let evaluation = app.requested(query)?;
    let decision = evaluation.decide();
    let rows = rows(&decision, &app.matrix);
    if terminal.is_json() {
        let mut object = decision::to_json(&decision, &app.matrix, &evaluation.notices);
        object.insert("matrix".to_owned(), matrix_json(&rows, &app.matrix));
        terminal.json(&Value::Object(object))?;
    } else {
        let screen = terminal.screen();
        terminal.page(&to_text(&rows, &decision, &app.matrix, screen))?;
        decision::print_warnings(&decision, &evaluation.notices, terminal);
    }
    Ok(decision::exit(&decision, query.context.strict))
}

/// Returns the features of the tiers, then those that only this license has.
fn rows(decision: &Decision, matrix: &FeatureMatrix) -> Vec<FeatureRow> {
    let of_tiers = matrix
        .features()
        .into_iter()
        .map(|(feature, _)| feature.to_owned());
    let own = decision.license().into_iter().flat_map(|license| {
        let features = license.entitlements().features();
        features
            .filter(|name| matrix.first_tier_with(name).is_none())
            .map(str::to_owned)
    });
    let row = |feature: String| FeatureRow {
        tiers: matrix
            .tiers()
            .iter()
            .map(|tier| tier.entitlements().allows(&feature))
            .collect(),
        answer: decision.feature(&feature, matrix),
        feature,
    };
    of_tiers.chain(own).map(row).collect()
}

/// Returns one table with the features, then the quotas. Each tier has a column.
fn to_text(
    rows: &[FeatureRow],
    decision: &Decision,
    matrix: &FeatureMatrix,
    screen: Screen,
) -> String {
    let tiers = matrix.tiers().iter();
    let names: Vec<_> = tiers.map(|tier| tier.label().to_owned()).collect();
    let tiers = names
        .iter()
        .map(|name| TextColumn::new(name).without_wrapping());
    let mut columns = vec![TextColumn::new("FEATURE").without_wrapping()];
    columns.extend(tiers);
    columns.push(TextColumn::new("HERE"));
    let mut table = TextTable::new(columns);
    for row in rows {
        let marks = row.tiers.iter().map(|has| mark(*has, screen));
        let feature = labeled(&row.feature, matrix.feature_label(&row.feature));
        let feature = [StyledText::from(feature)].into_iter();
        table.row(feature.chain(marks).chain([here(row, decision)]));
    }
    let titles = [String::from("QUOTA")]
        .into_iter()
        .chain(names)
        .chain([String::from("HERE")]);
    table.section(titles);
    for name in quota_names(decision, matrix) {
        let tiers = matrix.tiers().iter();
        let tiers = tiers.map(|tier| quota(tier.entitlements().quota(name), screen));
        let here = quota(decision.quota(name), screen);
        let name = labeled(name, matrix.quota_label(name));
        table.row(
            [StyledText::from(name)]
                .into_iter()
                .chain(tiers)
                .chain([here]),
        );
    }
    table.to_text(screen.columns())
}

/// Returns the label of a feature or quota, with the name that the commands accept.
fn labeled(name: &str, label: &str) -> String {
    if label == name {
        name.to_owned()
    } else {
        format!("{label} ({name})")
    }
}

/// Returns the mark of a feature below a tier.
fn mark(has: bool, screen: Screen) -> StyledText {
    if has {
        StyledText::new(Meaning::Good, screen.symbol("✓", "x"))
    } else {
        StyledText::new(Meaning::Dim, screen.symbol("·", "-"))
    }
}

/// Returns the limit of a quota.
fn quota(limit: Option<Quota>, screen: Screen) -> StyledText {
    match limit {
        None => StyledText::new(Meaning::Dim, screen.symbol("·", "-")),
        Some(Quota::Unlimited) => StyledText::from(screen.symbol("∞", "unlimited")),
        Some(Quota::Limit(limit)) => StyledText::from(limit.to_string()),
    }
}

/// Returns the quotas of all tiers and of the license, sorted and without duplicates.
fn quota_names<'a>(decision: &'a Decision, matrix: &'a FeatureMatrix) -> BTreeSet<&'a str> {
    let tiers = matrix.tiers().iter();
    let of_tiers = tiers.flat_map(|tier| tier.entitlements().quotas());
    let own = decision.entitlements().quotas();
    of_tiers.chain(own).map(|(name, _)| name).collect()
}

fn here(row: &FeatureRow, decision: &Decision) -> StyledText {
    if row.answer.granted {
        return StyledText::new(Meaning::Good, "granted");
    }
    let reason = match (&row.answer.evidence, decision.outcome()) {
        (
            Evidence::Feature {
                included_from_label: Some(tier),
                ..
            },
            _,
        ) => {
            format!("included from {tier}")
        }
        (_, Outcome::Denied) => format!("the license is denied ({})", row.answer.code),
        (Evidence::Feature { tier_label, .. }, _) if row.tiers.contains(&true) => {
            format!("in {tier_label}, but not in this license")
        }
        _ => "not in any tier".to_owned(),
    };
    StyledText::from(format!("no: {reason}"))
}

fn matrix_json(rows: &[FeatureRow], matrix: &FeatureMatrix) -> Value {
    let features = rows.iter().map(|row| {
        let tiers = matrix
            .tiers()
            .iter()
            .zip(&row.tiers)
            .filter(|(_, has)| **has);
        let tiers: Vec<_> = tiers.map(|(tier, _)| tier.name().to_string()).collect();
        let mut members = decision::members(&json!({ "feature": row.feature, "tiers": tiers }));
        members.extend(decision::members(&row.answer));
        Value::Object(members)
    });
    features.collect()
}
