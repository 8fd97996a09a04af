//! Reports of `keygen revoke`.

use license_cli_support::{Failure, Terminal, escape};
use license_issuer::ledger::{LicenseStatus, RecordedLicense};
use license_issuer::services::reinstate::ReinstatementReport;
use license_issuer::services::revoke::RevocationReport;
use serde_json::json;

use super::selection::Selection;
use crate::args::Revoke;

/// First line of the report of a dry run.
const DRY_RUN: &str = "dry run: nothing was recorded";

pub(super) fn revoked(
    selection: &Selection,
    report: &RevocationReport,
    arguments: &Revoke,
    terminal: &Terminal,
) -> Result<(), Failure> {
    warn_of_valid_licenses(selection, report, terminal);
    let ids = |licenses: &[RecordedLicense]| -> Vec<String> {
        let ids = licenses.iter().map(|license| license.entry.subject.clone());
        ids.collect()
    };
    if terminal.is_json() {
        return terminal.json(&json!({
            "license_id": license_id(selection),
            "customer": selection.customer,
            "reason": arguments.reason,
            "already_revoked": report.revoked.is_empty(),
            "revoked": report.revoked,
            "still_hold": ids(&report.predecessors),
            "successors": ids(&report.successors),
            "dry_run": arguments.dry_run,
        }));
    }
    let mut lines = Vec::new();
    lines.extend(arguments.dry_run.then(|| DRY_RUN.to_owned()));
    let done = if arguments.dry_run {
        "would revoke"
    } else {
        "revoked"
    };
    lines.extend(
        report
            .revoked
            .iter()
            .map(|id| format!("{done} license {id}")),
    );
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
        "send customers a revocation list (`keygen revocations`) or a validation token (`keygen check-in --status revoked`)",
    );
    Ok(())
}

pub(super) fn undone(
    selection: &Selection,
    report: &ReinstatementReport,
    arguments: &Revoke,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let ids = report.reinstated.iter().map(|(id, _)| id);
        return terminal.json(&json!({
            "license_id": license_id(selection),
            "customer": selection.customer,
            "reason": arguments.reason,
            "reinstated": ids.collect::<Vec<_>>(),
            "not_revoked": report.not_revoked,
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
    for id in &report.not_revoked {
        lines.push(format!("license {id} is not revoked"));
    }
    finish(lines, selection, "has no revoked license", terminal)?;
    if arguments.dry_run {
        return Ok(());
    }
    terminal.note(
        "sign the next revocation list with `keygen revocations`; where it is installed, the licenses are valid again",
    );
    Ok(())
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
    terminal.data(&lines.join("\n"))
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

/// Returns the ids of licenses, with the start of those that have not started.
fn described(licenses: &[RecordedLicense]) -> String {
    let describe = |license: &RecordedLicense| {
        let id = &license.entry.subject;
        let start = license.entry.member("not_before");
        let start = start.filter(|_| license.status == LicenseStatus::Future);
        start.map_or_else(|| id.clone(), |start| format!("{id} (from {start})"))
    };
    licenses.iter().map(describe).collect::<Vec<_>>().join(", ")
}
