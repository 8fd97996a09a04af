//! Licenses and entries as text, JSON and comma-separated values.

use license_cli_support::{Column, Failure, Table, Terminal, escape};
use license_core::chrono::{DateTime, Utc};
use license_core::time;
use license_issuer::ledger::{LedgerEntry, RecordedAnswer, RecordedLicense};
use serde_json::{Value, json};

use crate::args::TableFormat;
use crate::inputs::now;
use crate::output::csv;

/// Columns of comma-separated values, which are also members of the JSON output.
///
/// Spreadsheets and scripts rely on their number and order, so claims that were added later appear
/// in JSON only.
pub(in crate::commands) const COLUMNS: [&str; 13] = [
    "license_id",
    "status",
    "product",
    "tier",
    "customer",
    "company",
    "seats",
    "key",
    "short_key",
    "issued_at",
    "expires_at",
    "kid",
    "recorded_at",
];

pub(super) fn licenses(
    rows: &[RecordedLicense],
    format: TableFormat,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let licenses: Vec<_> = rows.iter().map(RecordedLicense::to_json).collect();
        return terminal.json(&json!({ "licenses": licenses, "count": rows.len() }));
    }
    if format.csv {
        return terminal.data(&csv(rows.iter()));
    }
    if rows.is_empty() {
        terminal.note("no license found");
        return Ok(());
    }
    terminal.data(&table(rows).to_text(terminal.columns()))
}

fn table(rows: &[RecordedLicense]) -> Table {
    let now = now();
    let member = |row: &RecordedLicense, name: &str| row.entry.member(name).unwrap_or_default();
    let mut table = Table::new([
        Column::new("LICENSE").min_width(36).without_wrapping(),
        Column::new("STATUS").min_width(10).without_wrapping(),
        Column::new("TIER").min_width(5).without_wrapping(),
        Column::new("ENDS").min_width(14),
        Column::new("KEY").without_wrapping(),
        Column::new("CUSTOMER"),
    ]);
    for row in rows {
        let end = remaining(row.entry.member("expires_at").as_deref(), now);
        let key = row.entry.member("key").or(row.entry.member("short_key"));
        let mut customer = member(row, "customer");
        if !row.entry.delivered {
            customer.push_str(" (delivery uncertain)");
        }
        table.row([
            &row.entry.subject,
            &row.status.to_string(),
            &member(row, "tier"),
            &end,
            &key.unwrap_or_default(),
            &customer,
        ]);
    }
    table
}

/// Returns the licenses as comma-separated values.
pub(super) fn csv<'r>(rows: impl Iterator<Item = &'r RecordedLicense>) -> String {
    let rows = rows.map(|row| {
        let object = row.to_json();
        let cells = COLUMNS.map(|name| match object.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            None | Some(serde_json::Value::Null) => String::new(),
            Some(other) => other.to_string(),
        });
        cells.to_vec()
    });
    csv::document(&COLUMNS, rows)
}

pub(super) fn entries(
    subject: &str,
    entries: &[LedgerEntry],
    activations: &[RecordedAnswer],
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let entries: Vec<_> = entries.iter().map(LedgerEntry::to_json).collect();
        let activations: Vec<_> = activations.iter().map(activation_json).collect();
        return terminal
            .json(&json!({ "subject": subject, "entries": entries, "activations": activations }));
    }
    let mut lines = vec![subject.to_owned()];
    lines.extend(activations.iter().map(activation_line));
    for entry in entries {
        let delivery = if entry.delivered {
            ""
        } else {
            " (delivery uncertain)"
        };
        lines.push(format!(
            "{}  entry {}: {}{delivery}",
            entry.recorded_at(),
            entry.seq,
            entry.kind
        ));
        let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap_or_default();
        for (name, value) in body.as_object().into_iter().flatten() {
            let shown = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => escape(text).into_owned(),
                other => escape(&other.to_string()).into_owned(),
            };
            if !["[]", "false", ""].contains(&shown.as_str()) {
                lines.push(format!("    {name:18} {shown}"));
            }
        }
    }
    terminal.data(&lines.join("\n"))?;
    let artifacts = entries
        .iter()
        .filter(|entry| !entry.artifact.is_empty())
        .count();
    if artifacts > 0 {
        terminal.note("--json also shows the issued artifacts");
    }
    Ok(())
}

/// Returns the time until or since the end of a license as text.
pub(super) fn remaining(end: Option<&str>, now: DateTime<Utc>) -> String {
    let end = end.and_then(|end| time::parse_instant(end).ok());
    match end {
        None => "never".to_owned(),
        Some(end) if end > now => format!("in {}", time::humanize(time::duration_since(end, now))),
        Some(end) => format!("{} ago", time::humanize(time::duration_since(now, end))),
    }
}

/// Returns an activation as a JSON object.
fn activation_json(activation: &RecordedAnswer) -> Value {
    let member = |name| activation.entry.member(name);
    let release = activation.release.as_ref();
    let release_member = |name| release.and_then(|release: &LedgerEntry| release.member(name));
    json!({
        "activation_id": activation.id(),
        "license_id": activation.entry.subject,
        "machine": member("machine"),
        "nonce": member("nonce"),
        "issued_at": member("issued_at"),
        "released_at": release_member("at"),
        "released_by": release_member("by"),
        "reason": release_member("reason"),
    })
}

/// Returns an activation as a line of text.
fn activation_line(activation: &RecordedAnswer) -> String {
    let member = |name| activation.entry.member(name).unwrap_or_default();
    let (machine, issued_at) = (member("machine"), member("issued_at"));
    let ended = activation.release.as_ref().map(|release| {
        let at = release.member("at").unwrap_or_default();
        let reason = release.member("reason").unwrap_or_default();
        if reason == "released" {
            format!(", released {at}")
        } else {
            format!(", ended {at}: {reason}")
        }
    });
    let line = format!(
        "activation {} on {machine} since {issued_at}{}",
        activation.id().unwrap_or_default(),
        ended.unwrap_or_default()
    );
    escape(&line).into_owned()
}
