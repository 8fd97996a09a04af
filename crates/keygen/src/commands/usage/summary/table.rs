//! Summary as text, JSON and comma-separated values.

use std::collections::BTreeMap;

use license_cli_support::{Failure, Meaning, Terminal, escape, plural, times, wrap};
use license_core::chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::{LicenseUsage, QuotaUsage};
use crate::args::TableFormat;
use crate::output::csv;

/// Columns of comma-separated values. Each quota of a license has a row.
const COLUMNS: [&str; 16] = [
    "license_id",
    "customer",
    "machines",
    "days",
    "first_day",
    "last_day",
    "sessions",
    "quota",
    "used",
    "refused",
    "peak_day",
    "peak_used",
    "denials",
    "gaps",
    "forks",
    "clock_jumps",
];

pub(super) fn print(
    licenses: &BTreeMap<String, LicenseUsage>,
    format: TableFormat,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let licenses = licenses.iter();
        let licenses: Vec<_> = licenses.map(|(id, license)| to_json(id, license)).collect();
        return terminal.json(&json!({ "count": licenses.len(), "licenses": licenses }));
    }
    if format.csv {
        let rows = licenses.iter().flat_map(|(id, license)| rows(id, license));
        return terminal.data(&csv::document(&COLUMNS, rows));
    }
    if licenses.is_empty() {
        terminal
            .note("no matching usage is recorded; record reports with `keygen usage import FILE`");
        return Ok(());
    }
    let licenses = licenses.iter();
    let texts: Vec<_> = licenses
        .map(|(id, license)| text(id, license, terminal.columns()))
        .collect();
    terminal.page(&texts.join("\n"))
}

fn text(id: &str, license: &LicenseUsage, columns: Option<usize>) -> String {
    let customer = license.customer.as_deref().unwrap_or("unknown customer");
    let mut lines = vec![format!(
        "{}  {}",
        escape(id),
        Meaning::Heading.paint(&escape(customer))
    )];
    let days = match (license.days.first(), license.days.last()) {
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        _ => String::new(),
    };
    lines.push(format!(
        "  {}, {}{days}, {}",
        plural(license.chains.len(), "machine", "machines"),
        plural(license.days.len(), "day", "days"),
        plural(license.sessions, "session", "sessions"),
    ));
    for (name, quota) in &license.quotas {
        lines.push(format!("  {}: {}", escape(name), quota_text(quota)));
    }
    if !license.denials.is_empty() {
        lines.push(format!("  denied: {}", names(&license.denials)));
    }
    if !license.refused_features.is_empty() {
        let features = names(&license.refused_features);
        lines.push(format!("  refused features: {features}"));
    }
    lines.push(format!(
        "  {}, {}, {}, counts lost {}, counts repeated {}",
        plural(license.gaps, "gap", "gaps"),
        plural(license.forks, "fork", "forks"),
        plural(license.clock_jumps, "clock jump", "clock jumps"),
        times(license.losses),
        times(license.recounts),
    ));
    let lines = lines.iter().map(|line| wrap(line, columns, 4));
    lines.collect::<Vec<_>>().join("\n")
}

fn quota_text(quota: &QuotaUsage) -> String {
    let (used, refused) = (quota.count.used, quota.count.refused);
    let refused = times(refused);
    match quota.peak() {
        Some((day, most)) => {
            format!("{used} used, at most {most} in a day ({day}), refused {refused}")
        }
        None => format!("{used} used, refused {refused}"),
    }
}

fn names(counts: &BTreeMap<String, u64>) -> String {
    let counts = counts.iter();
    let counts = counts.map(|(name, count)| format!("{} {count}", escape(name)));
    counts.collect::<Vec<_>>().join(", ")
}

fn to_json(id: &str, license: &LicenseUsage) -> Value {
    let quota = |(name, quota): (&String, &QuotaUsage)| {
        let peak = quota.peak();
        let peak = peak.map(|(day, used)| json!({ "day": day.to_string(), "used": used }));
        let count = quota.count;
        let quota = json!({ "used": count.used, "refused": count.refused, "peak": peak });
        (name.clone(), quota)
    };
    let chains = license.chains.iter().map(ToString::to_string);
    json!({
        "license_id": id,
        "customer": license.customer,
        "machines": license.chains.len(),
        "chains": chains.collect::<Vec<_>>(),
        "days": license.days.len(),
        "first_day": license.days.first().map(ToString::to_string),
        "last_day": license.days.last().map(ToString::to_string),
        "sessions": license.sessions,
        "quotas": license.quotas.iter().map(quota).collect::<Map<_, _>>(),
        "denials": license.denials,
        "refused_features": license.refused_features,
        "gaps": license.gaps,
        "forks": license.forks,
        "clock_jumps": license.clock_jumps,
        "losses": license.losses,
        "recounts": license.recounts,
    })
}

/// Returns a row for each quota, or one row without a quota.
fn rows(id: &str, license: &LicenseUsage) -> Vec<Vec<String>> {
    let day = |day: Option<&NaiveDate>| day.map(ToString::to_string).unwrap_or_default();
    let denials = license.denials.values();
    let denials = denials.fold(0_u64, |total, count| total.saturating_add(*count));
    let row = |quota: [String; 5]| {
        let before = [
            id.to_owned(),
            license.customer.clone().unwrap_or_default(),
            license.chains.len().to_string(),
            license.days.len().to_string(),
            day(license.days.first()),
            day(license.days.last()),
            license.sessions.to_string(),
        ];
        let after = [
            denials.to_string(),
            license.gaps.to_string(),
            license.forks.to_string(),
            license.clock_jumps.to_string(),
        ];
        let cells = before.into_iter().chain(quota).chain(after);
        cells.collect::<Vec<_>>()
    };
    if license.quotas.is_empty() {
        return vec![row(Default::default())];
    }
    let quotas = license.quotas.iter();
    quotas
        .map(|(name, quota)| {
            let (peak_day, peak_used) = match quota.peak() {
                Some((day, used)) => (day.to_string(), used.to_string()),
                None => Default::default(),
            };
            row([
                name.clone(),
                quota.count.used.to_string(),
                quota.count.refused.to_string(),
                peak_day,
                peak_used,
            ])
        })
        .collect()
}
