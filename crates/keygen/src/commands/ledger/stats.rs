//! `keygen ledger stats`: licenses by tier and status, and licenses that end soon.

use std::path::Path;

use license_cli_support::{
    Failure, Fields, Meaning, Screen, StyledText, Terminal, TextColumn, TextTable, escape, plural,
    show_path,
};
use license_core::FeatureMatrix;
use license_issuer::ledger::{LedgerReader, LedgerStats, LicenseStatus};
use serde_json::{Map, Value, json};

use super::seats;
use crate::failures;
use crate::inputs::now;

pub(super) fn print(
    ledger: &dyn LedgerReader,
    matrix: &FeatureMatrix,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let stats = ledger.stats(now());
    let mut stats = stats.map_err(failures::ledger_not_read(ledger))?;
    // The entries contain the seats that the vendor stated, and not those of the tier.
    stats.seats = stats
        .seats
        .saturating_add(seats::sum_included(ledger, matrix)?);
    let path = show_path(Path::new(&ledger.location()));
    if terminal.is_json() {
        return terminal.json(&to_json(&stats, &path));
    }
    let columns = terminal.columns();
    let mut parts = vec![format!("ledger  {path}")];
    if !stats.licenses.is_empty() {
        parts.push(by_tier(&stats, terminal.screen()).to_text(columns));
        parts.push(ending(&stats, terminal.screen()).to_text(columns));
    }
    parts.push(totals(&stats).to_text(columns));
    terminal.page(&parts.join("\n\n"))
}

fn to_json(stats: &LedgerStats, path: &str) -> Value {
    let entries = stats.entries.iter();
    let entries = entries.map(|(kind, count)| (kind.clone(), Value::from(*count)));
    let licenses = stats.licenses.iter();
    let licenses = licenses
        .map(|(tier, status, count)| json!({ "tier": tier, "status": status, "count": count }));
    let products = stats.products.iter();
    let products = products.map(|(product, count)| json!({ "product": product, "count": count }));
    let ending = stats.ending.iter().map(|period| {
        json!({
            "days": period.days,
            "licenses": period.licenses,
            "renewed": period.renewed,
        })
    });
    json!({
        "path": path,
        "products": products.collect::<Vec<_>>(),
        "entries": entries.collect::<Map<_, _>>(),
        "licenses": licenses.collect::<Vec<_>>(),
        "ending": ending.collect::<Vec<_>>(),
        "customers": stats.customers,
        "active_seats": stats.seats,
    })
}

/// Returns the number of licenses of a tier and status, or of all tiers.
fn count(stats: &LedgerStats, tier: Option<&str>, status: LicenseStatus) -> i64 {
    let licenses = stats.licenses.iter();
    let selected = licenses.filter(|(own, found, _)| {
        found == status.as_str() && tier.is_none_or(|tier| tier == own.as_str())
    });
    selected.map(|(_, _, count)| count).sum()
}

/// Returns a table with a row for each tier and a column for each status. The bars show the active
/// licenses of each tier as a part of all active licenses.
fn by_tier(stats: &LedgerStats, screen: Screen) -> TextTable {
    let numbers = LicenseStatus::ALL.map(|status| {
        let title = status.as_str().to_uppercase();
        TextColumn::new(title).right_aligned().without_wrapping()
    });
    let mut table = TextTable::new(
        [TextColumn::new("TIER").without_wrapping()]
            .into_iter()
            .chain(numbers)
            .chain(bar_column("OF ALL ACTIVE", screen)),
    );
    let mut tiers: Vec<_> = stats
        .licenses
        .iter()
        .map(|(tier, _, _)| tier.as_str())
        .collect();
    tiers.dedup();
    let all = count(stats, None, LicenseStatus::Active);
    for tier in &tiers {
        let active = count(stats, Some(tier), LicenseStatus::Active);
        let numbers = LicenseStatus::ALL.map(|status| number(count(stats, Some(tier), status)));
        let bar = bar(active, all, Meaning::Good, screen);
        table.row(
            [StyledText::from(*tier)]
                .into_iter()
                .chain(numbers)
                .chain(bar),
        );
    }
    if tiers.len() > 1 {
        let numbers = LicenseStatus::ALL.map(|status| number(count(stats, None, status)));
        let bar = screen.columns().map(|_| StyledText::default());
        let total = StyledText::new(Meaning::Heading, "total");
        table.row([total].into_iter().chain(numbers).chain(bar));
    }
    table
}

/// Returns a table of the licenses that end soon. The bars show the licenses without a renewal as a
/// part of all active licenses.
fn ending(stats: &LedgerStats, screen: Screen) -> TextTable {
    let number_column = |title| TextColumn::new(title).right_aligned().without_wrapping();
    let columns = [
        TextColumn::new("ENDS WITHIN").without_wrapping(),
        number_column("LICENSES"),
        number_column("RENEWED"),
        number_column("NOT RENEWED"),
    ];
    let mut table = TextTable::new(
        columns
            .into_iter()
            .chain(bar_column("NOT RENEWED OF ALL ACTIVE", screen)),
    );
    let all = count(stats, None, LicenseStatus::Active);
    for period in &stats.ending {
        let open = period.licenses.saturating_sub(period.renewed);
        let bar = bar(open, all, Meaning::Warning, screen);
        let cells = [
            StyledText::from(format!("{} days", period.days)),
            number(period.licenses),
            number(period.renewed),
            number(open),
        ];
        table.row(cells.into_iter().chain(bar));
    }
    table
}

/// Returns a column for bars, unless the output has none.
fn bar_column(title: &str, screen: Screen) -> Option<TextColumn> {
    screen
        .columns()
        .map(|_| TextColumn::new(title).without_wrapping())
}

/// Returns a bar, unless the output has none.
fn bar(part: i64, whole: i64, meaning: Meaning, screen: Screen) -> Option<StyledText> {
    let [part, whole] = [part, whole].map(|number| u64::try_from(number).unwrap_or_default());
    // Without licenses, the bar is empty.
    screen.bar(part, whole.max(1), meaning)
}

/// Returns a number, dimmed if it is zero.
fn number(number: i64) -> StyledText {
    match number {
        0 => StyledText::new(Meaning::Dim, "0"),
        number => StyledText::from(number.to_string()),
    }
}

fn totals(stats: &LedgerStats) -> Fields {
    let counted = |counts: &[(String, i64)]| {
        let texts = counts
            .iter()
            .map(|(name, count)| format!("{} {count}", escape(name)));
        texts.collect::<Vec<_>>().join(", ")
    };
    let mut fields = Fields::new();
    fields.add("customers", stats.customers.to_string());
    fields.add("seats", format!("{} in active licenses", stats.seats));
    if !stats.products.is_empty() {
        fields.add("products", counted(&stats.products));
    }
    let entries: i64 = stats.entries.iter().map(|(_, count)| count).sum();
    let kinds = counted(&stats.entries);
    let entries = plural(entries, "entry", "entries");
    let separator = if kinds.is_empty() { "" } else { ": " };
    fields.add("ledger", format!("{entries}{separator}{kinds}"));
    fields
}
