//! Licenses and entries as text, JSON and comma-separated values.

use license_terminal::{Column, Failure, Table, Terminal, escape};
use serde_json::json;

use super::super::now;
use super::{activations, left};
use crate::args::Form;
use crate::ledger::{Activated, Entry, LicenseRow};

/// The columns of comma-separated values; they are the members of the JSON too.
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
    rows: &[LicenseRow],
    form: Form,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let licenses: Vec<_> = rows.iter().map(LicenseRow::to_json).collect();
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

fn table(rows: &[LicenseRow]) -> Table {
    let now = now();
    let fact = |row: &LicenseRow, name: &str| row.entry.fact(name).unwrap_or_default();
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

/// RFC 4180, with a header. What a spreadsheet would take for a formula has an apostrophe before it.
fn csv(rows: &[LicenseRow]) -> String {
    let mut text = COLUMNS.join(",");
    for row in rows {
        let object = row.to_json();
        let cells = COLUMNS.map(|name| match object.get(name) {
            Some(serde_json::Value::String(text)) => quoted(text),
            None | Some(serde_json::Value::Null) => String::new(),
            Some(other) => other.to_string(),
        });
        text.push_str("\r\n");
        text.push_str(&cells.join(","));
    }
    text
}

/// A cell of comma-separated values. What does something to a terminal is escaped first, so that nothing that is taken out later leaves a
/// formula behind; the full-width forms are those that some spreadsheets take for the usual ones.
pub(crate) fn quoted(cell: &str) -> String {
    let cell = escape(cell);
    let formula = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    let is_formula = cell.trim_start().starts_with(formula);
    let cell = format!("{}{cell}", if is_formula { "'" } else { "" });
    match cell.contains([',', ';', '"']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

pub(super) fn entries(
    subject: &str,
    entries: &[Entry],
    activations: &[Activated],
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let entries: Vec<_> = entries.iter().map(Entry::to_json).collect();
        let activations: Vec<_> = activations.iter().map(activations::to_json).collect();
        return terminal
            .json(&json!({ "subject": subject, "entries": entries, "activations": activations }));
    }
    let mut lines = vec![subject.to_owned()];
    lines.extend(activations.iter().map(activations::line));
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

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn no_cell_is_a_formula_whatever_is_before_it() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("-1", "'-1"),
            (" =1", "' =1"),
            ("\u{a0}@SUM(1)", "'\u{a0}@SUM(1)"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("\u{1b}[31m=evil", r"\u{1b}[31m=evil"),
            ("\t=1", r"\u{9}=1"),
            ("\r\n=1", r"\u{d}\u{a}=1"),
            ("\u{feff}=1", r"\u{feff}=1"),
            ("a;=1", "\"a;=1\""),
            ("=a\"b", "\"'=a\"\"b\""),
            ("ACME, Inc", "\"ACME, Inc\""),
            ("M\u{fc}ller", "M\u{fc}ller"),
        ] {
            assert_eq!(quoted(cell), expected, "{cell:?}");
        }
    }
}
