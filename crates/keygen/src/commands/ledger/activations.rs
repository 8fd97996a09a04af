//! Activations and clock repairs in the ledger, by their own names.

use license_cli_support::{Destination, Failure, Terminal};
use license_core::Nonce;
use license_issuer::ledger::{EntryKind, LedgerReader, RecordedActivation};
use serde_json::json;

use super::super::answer;
use super::super::lookup::not_found;
use super::report;
use crate::args::Out;
use crate::failures;

/// What an activation's id, or the nonce of a request that was answered, is about.
pub(super) fn subject(ledger: &dyn LedgerReader, name: &str) -> Result<Option<String>, Failure> {
    Ok(find(ledger, name)?.map(|activated| activated.entry.subject))
}

/// An answer by its id, or by the nonce of its request.
fn find(ledger: &dyn LedgerReader, name: &str) -> Result<Option<RecordedActivation>, Failure> {
    let failed = failures::ledger_not_read(ledger);
    let name = name.trim().to_ascii_lowercase();
    if let Some(found) = ledger.activation(&name).map_err(failed)? {
        return Ok(Some(found));
    }
    if Nonce::parse(&name).is_none() {
        return Ok(None);
    }
    for kind in [EntryKind::Activation, EntryKind::ClockRepair] {
        if let Some(entry) = ledger.answer(kind, &name).map_err(failed)? {
            return ledger.with_release(entry).map(Some).map_err(failed);
        }
    }
    Ok(None)
}

/// Shows all that was entered of a machine.
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
    report::entries(digest, &entries, &activations, terminal)
}

/// Writes an answer again, as it was minted; one that has ended is warned of.
pub(super) fn resend(
    ledger: &dyn LedgerReader,
    name: &str,
    out: &Out,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let found = find(ledger, name)?.ok_or_else(|| not_found(name))?;
    if let Some(release) = &found.release {
        let at = release.fact("at").unwrap_or_default();
        let message = format!(
            "activation {} ended at {at}",
            found.id().unwrap_or_default()
        );
        terminal.warning("RELEASED", &message);
    }
    let text = answer::armored(&found.entry.artifact)?;
    if !terminal.is_json() {
        return out.write(&text);
    }
    let in_file = matches!(out.out, Destination::File(_));
    if in_file {
        out.write(&text)?;
    }
    terminal.json(&json!({
        "kind": found.entry.kind,
        "activation_id": found.entry.fact("activation_id"),
        "license_id": found.entry.fact("license_id"),
        "machine": found.entry.fact("machine"),
        "status": status(&found),
        "path": in_file.then(|| out.out.to_string()),
        "answer": (!in_file).then_some(text),
    }))
}

fn status(found: &RecordedActivation) -> &'static str {
    match (&found.release, EntryKind::parse(&found.entry.kind)) {
        (Some(_), _) => "released",
        (None, Some(EntryKind::Activation)) => "active",
        _ => "answered",
    }
}
