//! `license features`.

use std::collections::BTreeSet;

use license_cli_support::{Column, Exit, Failure, Table, Terminal};
use license_core::evaluate::{FeatureDecision, Outcome};
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
        let columns = terminal.columns();
        terminal.data(&to_text(&rows, &decision, &app.matrix, columns))?;
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

fn to_text(
    rows: &[FeatureRow],
    decision: &Decision,
    matrix: &FeatureMatrix,
    terminal_columns: Option<usize>,
) -> String {
    let features = feature_table(rows, decision, matrix);
    let mut quotas = Table::new([
        Column::new("").min_width(features.content_width(0)),
        Column::new(""),
    ]);
    for name in quota_names(decision, matrix) {
        let label = labeled(name, matrix.quota_label(name));
        quotas.row([&label, &quota(name, decision, matrix)]);
    }
    format!(
        "{}\n\n{}",
        features.to_text(terminal_columns),
        quotas.to_text(terminal_columns)
    )
}

/// Returns the label of a feature or quota, with the name that the commands accept.
fn labeled(name: &str, label: &str) -> String {
    if label == name {
        name.to_owned()
    } else {
        format!("{label} ({name})")
    }
}

/// Returns a row for each feature, with a mark below each tier that has it.
fn feature_table(rows: &[FeatureRow], decision: &Decision, matrix: &FeatureMatrix) -> Table {
    let tiers = matrix.tiers().iter();
    let tiers = tiers.map(|tier| Column::new(tier.label()).gap(1).without_wrapping());
    let mut columns = vec![Column::new("FEATURE").without_wrapping()];
    columns.extend(tiers);
    if let Some(last) = columns.pop() {
        columns.push(last.gap(2));
    }
    columns.push(Column::new("HERE"));
    let mut table = Table::new(columns);
    for row in rows {
        let marks = row.tiers.iter().map(|has| if *has { "x" } else { "-" });
        let mut cells = vec![labeled(&row.feature, matrix.feature_label(&row.feature))];
        cells.extend(marks.map(str::to_owned));
        cells.push(here(row, decision));
        table.row(cells);
    }
    table
}

/// Returns the quotas of all tiers and of the license, sorted and without duplicates.
fn quota_names<'a>(decision: &'a Decision, matrix: &'a FeatureMatrix) -> BTreeSet<&'a str> {
    let tiers = matrix.tiers().iter();
    let of_tiers = tiers.flat_map(|tier| tier.entitlements().quotas());
    let own = decision.entitlements().quotas();
    of_tiers.chain(own).map(|(name, _)| name).collect()
}

fn here(row: &FeatureRow, decision: &Decision) -> String {
    if row.answer.granted {
        return "granted".to_owned();
    }
    let reason = match (&row.answer.evidence, decision.outcome()) {
        (
            license_core::evaluate::Evidence::Feature {
                included_from_label: Some(tier),
                ..
            },
            _,
        ) => {
            format!("included from {tier}")
        }
        (_, Outcome::Denied) => format!("the license is denied ({})", row.answer.code),
        _ => "not in any tier".to_owned(),
    };
    format!("no: {reason}")
}

fn quota(name: &str, decision: &Decision, matrix: &FeatureMatrix) -> String {
    let here = decision
        .quota(name)
        .map_or_else(|| "none".to_owned(), |quota| quota.to_string());
    let tiers = matrix.tiers().iter().map(|tier| {
        let quota = tier.entitlements().quota(name);
        let quota = quota.map_or_else(|| "none".to_owned(), |quota| quota.to_string());
        format!("{} {quota}", tier.label())
    });
    format!("here {here} ({})", tiers.collect::<Vec<_>>().join(", "))
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
