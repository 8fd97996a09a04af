//! Licenses and entries as text, JSON and comma-separated values.

use std::collections::BTreeMap;

use license_cli_support::{
    Failure, Fields, Meaning, StyledText, Terminal, TextColumn, escape, plural, wrap,
};
use license_core::chrono::{DateTime, Utc};
use license_core::{FeatureMatrix, time};
use license_issuer::ledger::{
    LedgerEntry, LedgerReader, LicenseStatus, RecordedAnswer, RecordedLicense,
};
use serde_json::{Value, json};

use super::denied::denied;
use super::seats;
use super::verdict::Verdict;
use crate::failures;
use crate::inputs::now;
use crate::output::csv;
use crate::output::date::last_day;
use crate::output::license_table::LicenseTable;

/// Columns of comma-separated values, which are also members of the JSON output, except for
/// [`LAST_DAY`]. In JSON, `seats` is the claim of the license.
///
/// Spreadsheets and scripts rely on their order, so claims that were added later appear in JSON
/// only.
pub(in crate::commands) const COLUMNS: [&str; 14] = [
    "license_id",
    "status",
    "product",
    "tier",
    "customer",
    "company",
    SEATS,
    "key",
    "short_key",
    "issued_at",
    "expires_at",
    "kid",
    "recorded_at",
    LAST_DAY,
];

/// Column with the last day of a license, as tables and manifests show it. `expires_at` is the
/// instant after that day.
const LAST_DAY: &str = "last_day";

/// Column with the seats of a license, or with those that its tier includes.
const SEATS: &str = "seats";

pub(super) fn licenses(
    rows: &[RecordedLicense],
    ledger: &dyn LedgerReader,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let denied = denied(rows, ledger).map_err(failures::ledger_not_read(ledger))?;
    if terminal.is_json() {
        let licenses = rows.iter().map(|row| {
            let mut license = row.to_json();
            if let Some(members) = license.as_object_mut() {
                let denial = denied.get(&row.entry.subject);
                members.insert("denial".to_owned(), denial.cloned().into());
            }
            license
        });
        let licenses: Vec<_> = licenses.collect();
        return terminal.json(&json!({ "licenses": licenses, "count": rows.len() }));
    }
    if rows.is_empty() {
        let stats = ledger
            .stats(now())
            .map_err(failures::ledger_not_read(ledger))?;
        let counts = stats.products.iter().map(|(_, count)| *count);
        let all = plural(counts.sum::<i64>(), "license", "licenses");
        terminal.note(&format!(
            "no license found in {} ({all})",
            ledger.location()
        ));
        return Ok(());
    }
    terminal.page(&table(rows, &denied, terminal.columns()))?;
    if !denied.is_empty() {
        let count = plural(denied.len(), "license", "licenses");
        terminal.note(&format!(
            "validation tokens deny {count}, which `keygen ledger show LICENSE_ID` explains; end that with `keygen check-in LICENSE_ID --status active`"
        ));
    }
    Ok(())
}

/// Columns of a list of licenses. A narrow terminal has fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListLayout {
    Complete,
    WithoutKey,
    /// One column for the status and the end.
    Compact,
}

/// Returns the licenses as text, in the layout with most columns that fits.
fn table(
    rows: &[RecordedLicense],
    denied: &BTreeMap<String, String>,
    columns: Option<usize>,
) -> String {
    let layouts = [ListLayout::Complete, ListLayout::WithoutKey].into_iter();
    let mut tables = layouts.map(|layout| layout.table(rows, denied));
    let fitting = tables.find(|table| table.fits(columns));
    let table = fitting.unwrap_or_else(|| ListLayout::Compact.table(rows, denied));
    table.to_text(columns)
}

impl ListLayout {
    fn titles(self) -> &'static [&'static str] {
        match self {
            Self::Complete => &["TIER", "STATUS", "ENDS", "KEY"],
            Self::WithoutKey => &["TIER", "STATUS", "ENDS"],
            Self::Compact => &["TIER", "UNTIL"],
        }
    }

    fn table(self, rows: &[RecordedLicense], denied: &BTreeMap<String, String>) -> LicenseTable {
        let now = now();
        let titles = self.titles().iter().map(|title| TextColumn::new(*title));
        let mut table = LicenseTable::new(titles, "LICENSE");
        for row in rows {
            let member = |name: &str| row.entry.member(name);
            let subject = &row.entry.subject;
            let mut cells = vec![StyledText::from(member("tier").unwrap_or_default())];
            let end = row.entry.time("expires_at");
            let denial = denied
                .get(subject)
                .map(|status| StyledText::new(Meaning::Bad, status));
            if self == Self::Compact {
                cells.push(denial.unwrap_or_else(|| until(row.status, end)));
            } else {
                let status = denial.unwrap_or_else(|| status_cell(row.status));
                cells.extend([status, ends(row.status, end, now)]);
            }
            if self == Self::Complete {
                // The subject of an enterprise key is the key.
                let key = member("key").or(member("short_key"));
                let key = key.filter(|key| key != subject);
                cells.push(key.unwrap_or_default().into());
            }
            table.row(customer_cell(row), cells, subject);
        }
        table
    }
}

/// Returns the time until or since the end of a license. A revoked license has no time left.
fn ends(status: LicenseStatus, end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> StyledText {
    match status {
        LicenseStatus::Revoked => StyledText::new(Meaning::Dim, "revoked"),
        _ => remaining(end, now).into(),
    }
}

pub(super) fn status_cell(status: LicenseStatus) -> StyledText {
    let name = status.as_str();
    meaning(status).map_or(name.into(), |meaning| StyledText::new(meaning, name))
}

fn customer_cell(row: &RecordedLicense) -> StyledText {
    let customer = StyledText::from(row.entry.member("customer").unwrap_or_default());
    if row.entry.delivered {
        return customer;
    }
    let note = StyledText::new(Meaning::Warning, "(delivery uncertain)");
    customer.and(" ").and(note)
}

/// Returns the last day of a license, or its status if it is not in effect.
fn until(status: LicenseStatus, end: Option<DateTime<Utc>>) -> StyledText {
    let text = match (status, end) {
        (LicenseStatus::Active, Some(end)) => last_day(end),
        (LicenseStatus::Active, None) => "no end".to_owned(),
        _ => status.to_string(),
    };
    match meaning(status).filter(|meaning| *meaning != Meaning::Good) {
        Some(meaning) => StyledText::new(meaning, &text),
        None => StyledText::from(text),
    }
}

fn meaning(status: LicenseStatus) -> Option<Meaning> {
    match status {
        LicenseStatus::Active => Some(Meaning::Good),
        LicenseStatus::Future => None,
        LicenseStatus::Expired => Some(Meaning::Warning),
        LicenseStatus::Superseded => Some(Meaning::Dim),
        LicenseStatus::Revoked => Some(Meaning::Bad),
    }
}

/// Returns the licenses as comma-separated values.
pub(super) fn csv<'r>(
    rows: impl Iterator<Item = &'r RecordedLicense>,
    matrix: &FeatureMatrix,
) -> String {
    let rows = rows.map(|row| {
        let object = row.to_json();
        let last_day = row.entry.time("expires_at").map(last_day);
        let cells = COLUMNS.map(|name| match object.get(name) {
            _ if name == LAST_DAY => last_day.clone().unwrap_or_default(),
            _ if name == SEATS => seats::cell(&row.entry, matrix).unwrap_or_default(),
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        });
        cells.to_vec()
    });
    csv::document(&COLUMNS, rows)
}

/// Everything that the ledger has about a subject.
pub(super) struct SubjectReport<'a> {
    pub(super) subject: &'a str,
    /// The status, if the subject is a license.
    pub(super) verdict: Option<&'a Verdict>,
    pub(super) entries: &'a [LedgerEntry],
    /// The activations, of related licenses as well.
    pub(super) activations: &'a [RecordedAnswer],
    /// The digests of the machines that use the license and have no activation.
    pub(super) checked_in: &'a [String],
}

pub(super) fn subject(report: &SubjectReport<'_>, terminal: &Terminal) -> Result<(), Failure> {
    let (entries, verdict) = (report.entries, report.verdict);
    if terminal.is_json() {
        let entries: Vec<_> = entries.iter().map(LedgerEntry::to_json).collect();
        let activations: Vec<_> = report.activations.iter().map(activation_json).collect();
        return terminal.json(&json!({
            "subject": report.subject,
            "license": verdict.map(Verdict::to_json),
            "entries": entries,
            "activations": activations,
            "checked_in": report.checked_in,
        }));
    }
    let mut parts = vec![Meaning::Heading.paint(&escape(report.subject))];
    parts.extend(verdict.map(|verdict| verdict.fields(now()).to_text(terminal.columns())));
    let activations = report.activations.iter();
    parts.extend(activations.map(|activation| {
        let lines = activation_lines(activation, report.subject);
        wrap(&lines, terminal.columns(), 4)
    }));
    let checked_in = report.checked_in.iter();
    parts.extend(checked_in.map(|machine| format!("check-in   on {}", escape(machine))));
    for entry in entries {
        let title = format!(
            "{}  entry {}: {}",
            entry.recorded_at(),
            entry.seq,
            entry.kind
        );
        let mut title = StyledText::new(Meaning::Heading, &title);
        if !entry.delivered {
            title = title
                .and(" ")
                .and(StyledText::new(Meaning::Warning, "(delivery uncertain)"));
        }
        parts.push(title.painted());
        let fields = members(entry);
        if !fields.is_empty() {
            parts.push(fields.to_text(terminal.columns()));
        }
    }
    terminal.page(&parts.join("\n"))?;
    let artifacts = entries
        .iter()
        .filter(|entry| !entry.artifact.is_empty())
        .count();
    if artifacts > 0 {
        terminal.note("--json also shows the issued artifacts");
    }
    Ok(())
}

/// Returns the members of an entry, except for those that say nothing.
fn members(entry: &LedgerEntry) -> Fields {
    let mut fields = Fields::new();
    let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
    for (name, value) in body.as_object().into_iter().flatten() {
        let shown = text_of(value);
        if !["null", "false", ""].contains(&shown.as_str()) {
            fields.add(name, shown);
        }
    }
    fields
}

/// Returns a value without the punctuation of JSON, so that a line can end after each part.
fn text_of(value: &Value) -> String {
    let parts: Vec<_> = match value {
        Value::Array(items) => items.iter().map(text_of).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| format!("{name} {}", text_of(value)));
            members.collect()
        }
        Value::String(text) => return shown_text(text),
        other => return other.to_string(),
    };
    parts.join(", ")
}

/// Returns a text so that it fits a screen: the components of a fingerprint separately, and only
/// the beginning of a text that is as long as the number in a public key.
fn shown_text(text: &str) -> String {
    const LONGEST: usize = 256;
    const SHOWN: usize = 32;
    if text.starts_with("fp1:") {
        text.replace(',', ", ")
    } else if text.contains(' ') || text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        let shown: String = text.chars().take(SHOWN).collect();
        format!("{shown}…")
    }
}

/// Returns the time until or since the end of a license as text.
pub(super) fn remaining(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
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

/// Returns an activation as lines of text, so that a narrow terminal splits no id or digest.
fn activation_lines(activation: &RecordedAnswer, subject: &str) -> String {
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
    let license = &activation.entry.subject;
    let of_other =
        license != subject && activation.entry.member("machine").as_deref() != Some(subject);
    let lines = [
        format!("activation {}", activation.id().unwrap_or_default()),
        format!("  on {machine}"),
        format!("  since {issued_at}{}", ended.unwrap_or_default()),
    ];
    let other = of_other.then(|| format!("  of license {license}"));
    let lines: Vec<_> = lines
        .iter()
        .chain(&other)
        .map(|line| escape(line))
        .collect();
    lines.join("\n")
}
