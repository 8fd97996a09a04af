//! Licenses and entries as text, JSON and comma-separated values.

use license_cli_support::{Column, Failure, Table, Terminal, escape};
use license_core::{Span, Timestamp};
use license_issuer::ledger::{Entry, RecordedActivation, RecordedLicense};
use serde_json::{Value, json};

use crate::args::Form;
use crate::inputs::now;
use crate::output::csv;

/// The columns of comma-separated values, which are members of the JSON too. Spreadsheets and scripts
/// rely on their number and order, so claims that are added later appear in the JSON only.
const COLUMNS: [&str; 13] = [
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
    form: Form,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let licenses: Vec<_> = rows.iter().map(RecordedLicense::to_json).collect();
        return terminal.json(&json!({ "licenses": licenses, "count": rows.len() }));
    }
    if form.csv {
        return terminal.data(&csv(rows));
    }
    if rows.is_empty() {
        terminal.note("no such license");
        return Ok(());
    }
    terminal.data(&table(rows).to_text(terminal.columns()))
}

fn table(rows: &[RecordedLicense]) -> Table {
    let now = now();
    let fact = |row: &RecordedLicense, name: &str| row.entry.fact(name).unwrap_or_default();
    let mut table = Table::new([
        Column::new("LICENSE").min_width(36).whole(),
        Column::new("STATUS").min_width(10).whole(),
        Column::new("TIER").min_width(5).whole(),
        Column::new("ENDS").min_width(14),
        Column::new("KEY").whole(),
        Column::new("CUSTOMER"),
    ]);
    for row in rows {
        let end = left(row.entry.fact("expires_at").as_deref(), now);
        let key = row.entry.fact("key").or(row.entry.fact("short_key"));
        let mut customer = fact(row, "customer");
        if !row.entry.delivered {
            customer.push_str(" (maybe not handed out)");
        }
        table.row([
            &row.entry.subject,
            &row.status.to_string(),
            &fact(row, "tier"),
            &end,
            &key.unwrap_or_default(),
            &customer,
        ]);
    }
    table
}

/// Returns the licenses as comma-separated values.
fn csv(rows: &[RecordedLicense]) -> String {
    let rows = rows.iter().map(|row| {
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
    entries: &[Entry],
    activations: &[RecordedActivation],
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let entries: Vec<_> = entries.iter().map(Entry::to_json).collect();
        let activations: Vec<_> = activations.iter().map(activation_json).collect();
        return terminal
            .json(&json!({ "subject": subject, "entries": entries, "activations": activations }));
    }
    let mut lines = vec![subject.to_owned()];
    lines.extend(activations.iter().map(activation_line));
    for entry in entries {
        let unsure = if entry.delivered {
            ""
        } else {
            " (maybe not handed out)"
        };
        lines.push(format!(
            "{}  entry {}: {}{unsure}",
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
    let artefacts = entries
        .iter()
        .filter(|entry| !entry.artifact.is_empty())
        .count();
    if artefacts > 0 {
        terminal.note("--json shows what was handed out, to be sent again");
    }
    Ok(())
}

/// Returns how long a license is still valid, as text.
fn left(end: Option<&str>, now: Timestamp) -> String {
    let end = end.and_then(|end| Timestamp::parse(end).ok());
    match end {
        None => "never".to_owned(),
        Some(end) if end > now => format!("in {}", Span(end.seconds_since(now))),
        Some(end) => format!("{} ago", Span(now.seconds_since(end))),
    }
}

/// Returns an activation as a JSON object.
fn activation_json(activated: &RecordedActivation) -> Value {
    let fact = |name| activated.entry.fact(name);
    let release = activated.release.as_ref();
    let of_release = |name| release.and_then(|release: &Entry| release.fact(name));
    json!({
        "activation_id": activated.id(),
        "license_id": activated.entry.subject,
        "machine": fact("machine"),
        "nonce": fact("nonce"),
        "issued_at": fact("issued_at"),
        "released_at": of_release("at"),
        "released_by": of_release("by"),
        "reason": of_release("reason"),
    })
}

/// Returns an activation as a line of text.
fn activation_line(activated: &RecordedActivation) -> String {
    let fact = |name| activated.entry.fact(name).unwrap_or_default();
    let (machine, issued_at) = (fact("machine"), fact("issued_at"));
    let ended = activated.release.as_ref().map(|release| {
        let at = release.fact("at").unwrap_or_default();
        let reason = release.fact("reason").unwrap_or_default();
        match reason == "released" {
            true => format!(", released {at}"),
            false => format!(", ended {at}: {reason}"),
        }
    });
    let line = format!(
        "activation {} on {machine} since {issued_at}{}",
        activated.id().unwrap_or_default(),
        ended.unwrap_or_default()
    );
    escape(&line).into_owned()
}
