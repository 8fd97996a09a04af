//! `keygen ledger expiring`: licenses that end soon, and whether they are renewed.

use license_cli_support::{Column, Failure, Table, Terminal};
use license_core::time;
use license_issuer::ledger::sqlite::SqliteLedger;
use license_issuer::ledger::{LicenseFilter, LicenseSort, RecordedLicense};
use license_issuer::services::renewals::RenewalState;
use serde_json::{Value, json};

use super::super::lookup::rows;
use super::report;
use crate::args::Expiring;
use crate::failures;
use crate::inputs::now;

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
    terminal: &Terminal,
) -> Result<(), Failure> {
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
        return terminal.data(&report::csv(open.iter().map(|ending| &ending.license)));
    }
    let mut parts = Vec::new();
    if open.is_empty() {
        terminal.note("no license needs a renewal in this period");
    } else {
        parts.push(table(&open, terminal));
    }
    if arguments.all && !settled.is_empty() {
        parts.push(format!("no renewal needed:\n{}", table(&settled, terminal)));
    }
    if !parts.is_empty() {
        terminal.data(&parts.join("\n\n"))?;
    }
    if !arguments.all && !settled.is_empty() {
        terminal.note(&format!(
            "not listed: {}; --all shows them",
            counts(&settled)
        ));
    }
    if !open.is_empty() {
        terminal
            .note("to renew them, save the list with --csv, and run `keygen renew --from FILE`");
    }
    Ok(())
}

/// Returns the licenses that end in the period, by their end.
fn find(arguments: &Expiring, ledger: &SqliteLedger) -> Result<Vec<EndingLicense>, Failure> {
    let now = now();
    let start = arguments.ended_within;
    let filter = LicenseFilter {
        customer: arguments.customer.clone(),
        tier: arguments.tier.clone(),
        product: arguments.product.clone(),
        ends_after: Some(start.map_or(now, |span| time::saturating_sub(now, span))),
        ends_by: Some(time::saturating_add(now, arguments.within)),
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

/// Returns the licenses as a table.
fn table(endings: &[EndingLicense], terminal: &Terminal) -> String {
    let now = now();
    let mut table = Table::new([
        Column::new("CUSTOMER"),
        Column::new("TIER").without_wrapping(),
        Column::new("ENDS").without_wrapping(),
        Column::new("RENEWAL").without_wrapping(),
        Column::new("LICENSE").without_wrapping(),
    ]);
    for ending in endings {
        let entry = &ending.license.entry;
        let member = |name: &str| entry.member(name).unwrap_or_default();
        table.row([
            &member("customer"),
            &member("tier"),
            &report::remaining(entry.member("expires_at").as_deref(), now),
            &ending.state.as_str().replace('_', " "),
            &entry.subject,
        ]);
    }
    table.to_text(terminal.columns())
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
