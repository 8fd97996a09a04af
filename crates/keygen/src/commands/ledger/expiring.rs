//! `keygen ledger expiring`: licenses that end soon, and whether they are renewed.

use license_cli_support::{Failure, Meaning, StyledText, TextColumn};
use license_core::time;
use license_issuer::ledger::sqlite::SqliteLedger;
use license_issuer::ledger::{LicenseFilter, LicenseSort, RecordedLicense};
use license_issuer::services::renewals::RenewalState;
use serde_json::{Value, json};

use super::super::context::AppContext;
use super::super::lookup::rows;
use super::report;
use crate::args::Expiring;
use crate::failures;
use crate::inputs::{matrix, now};
use crate::output::date::last_day;
use crate::output::license_table::LicenseTable;

/// License that ends in the period.
struct EndingLicense {
    license: RecordedLicense,
    state: RenewalState,
}

impl EndingLicense {
    /// Returns the license as an item of a list, with its renewal.
    fn to_json(&self) -> Value {
        let mut license = self.license.to_json();
        if let Some(members) = license.as_object_mut() {
            members.insert("renewal".to_owned(), self.state.as_str().into());
            members.insert("successor".to_owned(), self.state.successor().into());
        }
        license
    }
}

pub(super) fn run(
    arguments: &Expiring,
    ledger: &SqliteLedger,
    app: AppContext<'_>,
) -> Result<(), Failure> {
    let terminal = app.terminal;
    let (open, settled): (Vec<_>, Vec<_>) = find(arguments, ledger)?
        .into_iter()
        .partition(|ending| ending.state.is_open());
    if terminal.is_json() {
        let list = |endings: &[EndingLicense]| -> Vec<_> {
            endings.iter().map(EndingLicense::to_json).collect()
        };
        return terminal.json(&json!({
            "licenses": list(&open),
            "count": open.len(),
            "omitted": list(&settled),
        }));
    }
    if arguments.format.csv {
        let licenses = open.iter().map(|ending| &ending.license);
        return terminal.data(&report::csv(licenses, &matrix(app.settings, None)?));
    }
    let mut parts = Vec::new();
    if open.is_empty() {
        terminal.note("no license needs a renewal in this period");
    } else {
        parts.push(table(&open, terminal.columns()));
    }
    if arguments.all && !settled.is_empty() {
        let title = Meaning::Heading.paint("no renewal needed:");
        parts.push(format!("{title}\n{}", table(&settled, terminal.columns())));
    }
    if !parts.is_empty() {
        terminal.page(&parts.join("\n\n"))?;
    }
    if !arguments.all && !settled.is_empty() {
        terminal.note(&format!(
            "not listed: {}; --all shows them",
            counts(&settled)
        ));
    }
    if open.iter().any(|ending| ending.state == RenewalState::Due) {
        terminal
            .note("to renew them, save the list with --csv, and run `keygen renew --from FILE --days N --out DIRECTORY`");
    }
    Ok(())
}

/// Returns the licenses that end in the period, by their end.
fn find(arguments: &Expiring, ledger: &SqliteLedger) -> Result<Vec<EndingLicense>, Failure> {
    let now = now();
    let start = arguments.ended_within;
    // A license ends after its last day, so the last day of the period counts as a whole.
    let end = time::end_of_day(time::saturating_add(now, arguments.within).date_naive());
    let filter = LicenseFilter {
        customer: arguments.customer.clone(),
        tier: arguments.tier.clone(),
        product: arguments.product.clone(),
        ends_after: Some(start.map_or(now, |span| time::saturating_sub(now, span))),
        ends_by: Some(end),
        sort: LicenseSort::Expires,
        ..LicenseFilter::default()
    };
    let licenses = rows(ledger, &filter)?.into_iter();
    let endings = licenses.map(|license| {
        let state = RenewalState::of(&license, ledger);
        let state = state.map_err(failures::ledger_not_read(ledger))?;
        Ok(EndingLicense { license, state })
    });
    endings.collect()
}

/// Days before the end from which a license is urgent.
const URGENT: i64 = 7;

/// Returns the licenses as a table. Licenses that need no renewal have the column `RENEWAL` with
/// the reason instead of the days until their end.
fn table(endings: &[EndingLicense], columns: Option<usize>) -> String {
    let now = now();
    let is_open = endings.iter().all(|ending| ending.state.is_open());
    let last = if is_open {
        TextColumn::new("DAYS").right_aligned()
    } else {
        TextColumn::new("RENEWAL")
    };
    let columns_between = [TextColumn::new("TIER"), TextColumn::new("LAST DAY"), last];
    let mut table = LicenseTable::new(columns_between, "LICENSE");
    for ending in endings {
        let entry = &ending.license.entry;
        let member = |name: &str| entry.member(name).unwrap_or_default();
        let kind = match ending.state {
            RenewalState::Trial => StyledText::new(Meaning::Dim, " (trial)"),
            RenewalState::EnterpriseKey => StyledText::new(Meaning::Dim, " (key)"),
            _ => StyledText::default(),
        };
        let end = entry.time("expires_at").unwrap_or(now);
        let last = if is_open {
            days(end.signed_duration_since(now).num_days())
        } else {
            StyledText::from(ending.state.as_str())
        };
        let cells = [member("tier").into(), last_day(end).into(), last];
        table.row(
            StyledText::from(member("customer")).and(kind),
            cells,
            &entry.subject,
        );
    }
    table.to_text(columns)
}

/// Returns the number of days until the end of a license. It is negative if the license has ended.
fn days(days: i64) -> StyledText {
    let text = days.to_string();
    match days {
        ..0 => StyledText::new(Meaning::Bad, &text),
        0..=URGENT => StyledText::new(Meaning::Warning, &text),
        _ => StyledText::from(text),
    }
}

/// Returns the number of licenses in each state, such as `3 renewed, 1 revoked`.
fn counts(endings: &[EndingLicense]) -> String {
    let names = ["renewed", "superseded", "revoked"];
    let counts = names.map(|name| {
        let of_state = endings
            .iter()
            .filter(|ending| ending.state.as_str() == name);
        (of_state.count(), name)
    });
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let texts: Vec<_> = counts
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    texts.join(", ")
}
