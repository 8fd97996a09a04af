//! Reports of `keygen revoke`.

use license_cli_support::{Failure, Terminal, escape};
use license_core::chrono::{DateTime, Utc};
use license_issuer::ledger::{LedgerReader, RecordedLicense};
use license_issuer::services::reinstate::ReinstatementReport;
use license_issuer::services::revoke::RevocationReport;
use serde_json::json;

use super::super::lookup::license_of;
use super::super::rivals::{self, described};
use super::super::token_denials;
use super::selection::Selection;
use crate::args::Revoke;
use crate::output::date::last_day;

/// The indentation of the lines that continue a long line.
const LINE_INDENT: usize = 4;

/// First line of the report of a dry run.
const DRY_RUN: &str = "dry run: nothing was recorded";

pub(super) fn revoked(
    selection: &Selection,
    report: &RevocationReport,
    descriptions: &[String],
    arguments: &Revoke,
    terminal: &Terminal,
) -> Result<(), Failure> {
    warn_of_valid_licenses(selection, report, terminal);
    if terminal.is_json() {
        return terminal.json(&json!({
            "license_id": license_id(selection),
            "customer": selection.customer,
            "reason": arguments.reason,
            "already_revoked": report.revoked.is_empty(),
            "revoked": report.revoked,
            "still_hold": ids_of(&report.predecessors),
            "successors": ids_of(&report.successors),
            "dry_run": arguments.dry_run,
        }));
    }
    let mut lines = Vec::new();
    lines.extend(arguments.dry_run.then(|| DRY_RUN.to_owned()));
    let ids = report.revoked.iter();
    if arguments.dry_run {
        let described = ids.zip(descriptions);
        lines.extend(described.map(|(id, text)| format!("would revoke license {id}{text}")));
    } else {
        lines.extend(ids.map(|id| format!("revoked license {id}")));
    }
    let nothing = if report.revoked.is_empty() {
        "; nothing was recorded"
    } else {
        ""
    };
    let already = report.already_revoked.iter();
    lines.extend(already.map(|id| format!("license {id} is already revoked{nothing}")));
    finish(lines, selection, "has no license left to revoke", terminal)?;
    if arguments.dry_run {
        return Ok(());
    }
    terminal.note(
        "send customers a revocation list (`keygen revocations`) or a validation token (`keygen check-in LICENSE_ID --status revoked`)",
    );
    Ok(())
}

/// Returns the tier, the customer and the last day of each license, such as `: PRO, ACME Ltd,
/// through 2027-12-31`. The text of a license that the ledger does not have is empty.
pub(super) fn descriptions(
    ids: &[String],
    ledger: Option<&dyn LedgerReader>,
    now: DateTime<Utc>,
) -> Result<Vec<String>, Failure> {
    let describe = |id: &String| {
        let found = ledger
            .map(|ledger| license_of(ledger, id, now))
            .transpose()?;
        let Some(license) = found.flatten() else {
            return Ok(String::new());
        };
        let member = |name| license.entry.member(name);
        let end = license.entry.time("expires_at");
        let end = end.map_or("no end".to_owned(), |end| {
            format!("through {}", last_day(end))
        });
        let texts = [member("tier"), member("customer"), Some(end)];
        let texts: Vec<_> = texts.into_iter().flatten().collect();
        Ok(format!(": {}", escape(&texts.join(", "))))
    };
    ids.iter().map(describe).collect()
}

pub(super) fn undone(
    selection: &Selection,
    report: &ReinstatementReport,
    arguments: &Revoke,
    terminal: &Terminal,
) -> Result<(), Failure> {
    warn_of_denials(report, terminal);
    rivals::warn(&report.rivals, terminal);
    if terminal.is_json() {
        let ids = report.reinstated.iter().map(|(id, _)| id);
        let separate = report.revoked_separately.iter().map(|(id, _)| id);
        let denials = report.denials.iter().map(|denial| {
            json!({
                "license_id": denial.license,
                "token_license_id": denial.named,
                "machine": denial.machine,
                "status": denial.status,
            })
        });
        return terminal.json(&json!({
            "license_id": license_id(selection),
            "customer": selection.customer,
            "reason": arguments.reason,
            "reinstated": ids.collect::<Vec<_>>(),
            "revoked_separately": separate.collect::<Vec<_>>(),
            "not_revoked": report.not_revoked,
            "competitors": competitors(report),
            "denials": denials.collect::<Vec<_>>(),
            "dry_run": arguments.dry_run,
        }));
    }
    let mut lines = Vec::new();
    lines.extend(arguments.dry_run.then(|| DRY_RUN.to_owned()));
    let done = if arguments.dry_run {
        "would reinstate"
    } else {
        "reinstated"
    };
    for (id, reason) in &report.reinstated {
        lines.push(format!(
            "{done} license {id}, revoked for: {}",
            escape(reason)
        ));
    }
    for (id, reason) in &report.revoked_separately {
        lines.push(format!(
            "license {id} stays revoked, which another command did for: {}",
            escape(reason)
        ));
        lines.push(format!(
            "  to reinstate it too: keygen revoke {id} --undo --reason TEXT"
        ));
    }
    for id in &report.not_revoked {
        lines.push(format!("license {id} is not revoked"));
    }
    finish(lines, selection, "has no revoked license", terminal)?;
    if arguments.dry_run || report.reinstated.is_empty() {
        return Ok(());
    }
    terminal.note(
        "sign the next revocation list with `keygen revocations`; where it is installed, the revocation has ended",
    );
    Ok(())
}

/// Returns the rivals of the reinstated licenses, and those reinstated licenses that are rivals of
/// each other.
fn competitors(report: &ReinstatementReport) -> Vec<String> {
    let mut competitors = Vec::new();
    for group in &report.rivals {
        let ids = ids_of(&group.licenses).into_iter();
        let is_reinstated = |id: &String| {
            report
                .reinstated
                .iter()
                .any(|(reinstated, _)| reinstated == id)
        };
        let (reinstated, others): (Vec<_>, Vec<_>) = ids.partition(is_reinstated);
        competitors.extend(others);
        if reinstated.len() > 1 {
            competitors.extend(reinstated);
        }
    }
    competitors
}

/// Warns about validation tokens that deny a license until the machine gets a newer token.
fn warn_of_denials(report: &ReinstatementReport, terminal: &Terminal) {
    if report.denials.is_empty() {
        return;
    }
    let message = format!(
        "validation tokens deny these licenses, and a revocation list does not end that: {}; send a newer token for each, which `keygen check-in LICENSE_ID --status active` issues",
        token_denials::described(&report.denials)
    );
    terminal.warning("STILL_DENIED", &message);
}

fn ids_of(licenses: &[RecordedLicense]) -> Vec<String> {
    let ids = licenses.iter().map(|license| license.entry.subject.clone());
    ids.collect()
}

/// Prints the lines of a report.
fn finish(
    mut lines: Vec<String>,
    selection: &Selection,
    nothing: &str,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if let (true, Some(customer)) = (selection.licenses.is_empty(), &selection.customer) {
        lines.push(format!("customer {} {nothing}", escape(customer)));
    }
    terminal.lines(&lines.join("\n"), LINE_INDENT)
}

/// Returns the license that the command line names.
fn license_id(selection: &Selection) -> Option<&String> {
    let named = selection.customer.is_none();
    selection.licenses.first().filter(|_| named)
}

/// Warns about licenses that the revoked licenses replaced, and that replace them.
fn warn_of_valid_licenses(selection: &Selection, report: &RevocationReport, terminal: &Terminal) {
    let subject = match (&selection.customer, selection.licenses.as_slice()) {
        (None, [id]) => id.as_str(),
        _ => "the revoked licenses",
    };
    if !report.predecessors.is_empty() {
        let message = format!(
            "licenses that {subject} replaced stay valid on machines without {subject}: {}; revoke these licenses too if the customer must have no license",
            described(&report.predecessors)
        );
        terminal.warning("STILL_HOLDS", &message);
    }
    if !report.successors.is_empty() {
        let message = format!(
            "licenses that replace {subject} stay valid: {}; to revoke them too, run the command again with --with-successors",
            described(&report.successors)
        );
        terminal.warning("STILL_HOLDS", &message);
    }
}
