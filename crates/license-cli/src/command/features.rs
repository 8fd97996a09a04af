//! `license features`.

use license_core::{Decision, FeatureAnswer, Matrix, Outcome};
use license_terminal::{Exit, Failure, Terminal, escape};
use serde_json::{Value, json};

use crate::cli::Ask;
use crate::report;
use crate::subject::Site;

/// A feature with the tiers that have it, and the answer here.
struct Row {
    feature: String,
    tiers: Vec<bool>,
    answer: FeatureAnswer,
}

pub(crate) fn run(site: &Site, ask: &Ask, terminal: &Terminal) -> Result<Exit, Failure> {
    let case = site.asked(ask)?;
    let decision = case.decide();
    let rows = rows(&decision, &site.matrix);
    if terminal.is_json() {
        let mut object = report::to_json(&decision, &case.notices);
        object.insert("matrix".to_owned(), matrix_json(&rows, &site.matrix));
        terminal.json(&Value::Object(object))?;
    } else {
        terminal.data(&table(&rows, &decision, &site.matrix))?;
        report::warnings(&decision, &case.notices, terminal);
    }
    Ok(report::exit(&decision, ask.context.strict))
}

/// The features of the product's tiers, then those that only this license has.
fn rows(decision: &Decision, matrix: &Matrix) -> Vec<Row> {
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
    let row = |feature: String| Row {
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

fn table(rows: &[Row], decision: &Decision, matrix: &Matrix) -> String {
    let width = rows
        .iter()
        .map(|row| row.feature.len())
        .max()
        .unwrap_or(0)
        .max("FEATURE".len());
    let mut lines = vec![format!(
        "{:width$}  {}  HERE",
        "FEATURE",
        tier_names(matrix)
    )];
    for row in rows {
        let marks = row.tiers.iter().zip(matrix.tiers()).map(|(has, tier)| {
            let column = tier.name().as_str().len();
            format!("{:column$}", if *has { "x" } else { "-" })
        });
        let marks = marks.collect::<Vec<_>>().join(" ");
        lines.push(format!(
            "{:width$}  {marks}  {}",
            escape(&row.feature),
            here(row, decision)
        ));
    }
    lines.push(String::new());
    let names = matrix
        .tiers()
        .iter()
        .flat_map(|tier| tier.entitlements().quotas());
    let mut quotas: Vec<&str> = names.map(|(name, _)| name).collect();
    quotas.extend(decision.entitlements().quotas().map(|(name, _)| name));
    quotas.sort_unstable();
    quotas.dedup();
    for name in quotas {
        lines.push(format!(
            "{:width$}  {}",
            escape(name),
            quota(name, decision, matrix)
        ));
    }
    lines.join("\n")
}

fn tier_names(matrix: &Matrix) -> String {
    let names = matrix.tiers().iter().map(|tier| tier.name().to_string());
    names.collect::<Vec<_>>().join(" ")
}

fn here(row: &Row, decision: &Decision) -> String {
    if row.answer.granted {
        return "granted".to_owned();
    }
    let why = match (&row.answer.evidence, decision.outcome()) {
        (
            license_core::Evidence::Feature {
                included_from: Some(tier),
                ..
            },
            _,
        ) => {
            format!("included from {tier}")
        }
        (_, Outcome::Denied) => format!("the license has it, but is {}", row.answer.code),
        _ => "in no tier".to_owned(),
    };
    format!("no: {why}")
}

fn quota(name: &str, decision: &Decision, matrix: &Matrix) -> String {
    let here = decision
        .quota(name)
        .map_or_else(|| "none".to_owned(), |quota| quota.to_string());
    let tiers = matrix.tiers().iter().map(|tier| {
        let quota = tier.entitlements().quota(name);
        let quota = quota.map_or_else(|| "none".to_owned(), |quota| quota.to_string());
        format!("{} {quota}", tier.name())
    });
    format!("here {here} ({})", tiers.collect::<Vec<_>>().join(", "))
}

fn matrix_json(rows: &[Row], matrix: &Matrix) -> Value {
    let features = rows.iter().map(|row| {
        let tiers = matrix
            .tiers()
            .iter()
            .zip(&row.tiers)
            .filter(|(_, has)| **has);
        let tiers: Vec<_> = tiers.map(|(tier, _)| tier.name().to_string()).collect();
        json!({
            "feature": row.feature,
            "tiers": tiers,
            "granted": row.answer.granted,
            "code": row.answer.code.as_str(),
            "evidence": row.answer.evidence.to_json(),
        })
    });
    features.collect()
}
