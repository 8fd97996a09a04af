//! Activations and clock repairs in the ledger, found by their ids and nonces.

use license_cli_support::{Failure, OutputFile, Terminal};
use license_core::ids::Nonce;
use license_issuer::errors::LedgerError;
use license_issuer::ledger::{LedgerEntryKind, LedgerReader, RecordedAnswer};
use serde_json::json;

use super::super::answer;
use super::super::lookup::not_found;
use super::report::{self, SubjectReport};
use crate::{failures, output};

/// Returns the subject of the answer whose activation id or nonce is `name`.
pub(super) fn subject(ledger: &dyn LedgerReader, name: &str) -> Result<Option<String>, Failure> {
    Ok(find(ledger, name)?.map(|answer| answer.entry.subject))
}

/// Returns the answer whose activation id or nonce is `name`.
///
/// An answer has the nonce of its request.
pub(super) fn find(
    ledger: &dyn LedgerReader,
    name: &str,
) -> Result<Option<RecordedAnswer>, Failure> {
    let failed = failures::ledger_not_read(ledger);
    let name = name.trim().to_ascii_lowercase();
    if let Some(found) = ledger.activation(&name).map_err(failed)? {
        return Ok(Some(found));
    }
    if Nonce::parse(&name).is_none() {
        return Ok(None);
    }
    for kind in [LedgerEntryKind::Activation, LedgerEntryKind::ClockRepair] {
        if let Some(entry) = ledger.answer(kind, &name).map_err(failed)? {
            return ledger.with_release(entry).map(Some).map_err(failed);
        }
    }
    Ok(None)
}

/// Shows all entries about a machine.
pub(super) fn show(
    ledger: &dyn LedgerReader,
    digest: &str,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let failed = failures::ledger_not_read(ledger);
    let entries = ledger.entries_of_machine(digest).map_err(failed)?;
    if entries.is_empty() {
        return Err(not_found(digest));
    }
    let activations = ledger
        .distinct_activations(entries.clone())
        .map_err(failed)?;
    report::subject(
        &SubjectReport {
            subject: digest,
            verdict: None,
            entries: &entries,
            activations: &activations,
            checked_in: &[],
        },
        terminal,
    )
}

/// Returns the activations of a license, and the open activations of the licenses that it replaces
/// and that replace it, because they count as well.
pub(super) fn of_license(
    ledger: &dyn LedgerReader,
    license: &str,
) -> Result<(Vec<RecordedAnswer>, Vec<String>), LedgerError> {
    let family = ledger.license_family(license)?;
    let family: Vec<&str> = family.iter().map(String::as_str).collect();
    let mut activations = ledger.activations(license)?;
    let others: Vec<&str> = family.iter().copied().filter(|id| *id != license).collect();
    activations.extend(ledger.open_activations(&others)?);
    let mut checked_in = ledger.machines_in_use(&family)?;
    for open in activations.iter().filter(|one| one.release.is_none()) {
        if let Some(machine) = open.entry.member("machine") {
            checked_in.remove(&machine);
        }
    }
    Ok((activations, checked_in.into_iter().collect()))
}

/// Writes a recorded answer again. Warns if its activation has ended.
pub(super) fn resend(
    found: &RecordedAnswer,
    output: &OutputFile,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if let Some(release) = &found.release {
        let at = release.member("at").unwrap_or_default();
        let message = format!(
            "activation {} ended at {at}",
            found.id().unwrap_or_default()
        );
        terminal.warning("RELEASED", &message);
    }
    let text = answer::armored(&found.entry.artifact)?;
    if !terminal.is_json() {
        output::write(output, &text)?;
        let machine = found.entry.member("machine").unwrap_or_default();
        let what = format!("the answer for machine {machine}");
        return super::written(output, &what, terminal);
    }
    let path = output.path();
    if path.is_some() {
        output::write(output, &text)?;
    }
    terminal.json(&json!({
        "kind": found.entry.kind,
        "activation_id": found.entry.member("activation_id"),
        "license_id": found.entry.member("license_id"),
        "machine": found.entry.member("machine"),
        "status": status(found),
        "path": path,
        "answer": path.is_none().then_some(text),
    }))
}

fn status(found: &RecordedAnswer) -> &'static str {
    match (&found.release, LedgerEntryKind::parse(&found.entry.kind)) {
        (Some(_), _) => "released",
        (None, Some(LedgerEntryKind::Activation)) => "active",
        _ => "answered",
    }
}
