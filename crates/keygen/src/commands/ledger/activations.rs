//! Activations and clock repairs in the ledger, by their own names.

use license_core::Nonce;
use license_issuer::ledger::{Entry, EntryKind, LedgerReader, RecordedActivation};
use license_terminal::{Destination, Failure, Terminal, escape};
use serde_json::{Value, json};

use super::super::answer;
use super::{not_found, report};
use crate::args::Out;
use crate::failures;

/// What an activation's id, or the nonce of a request that was answered, is about.
pub(super) fn subject(ledger: &dyn LedgerReader, name: &str) -> Result<Option<String>, Failure> {
    Ok(find(ledger, name)?.map(|activated| activated.entry.subject))
}

/// An answer by its id, or by the nonce of its request.
fn find(ledger: &dyn LedgerReader, name: &str) -> Result<Option<RecordedActivation>, Failure> {
    let failed = |error| failures::ledger_not_read(ledger, &error);
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
    let failed = |error| failures::ledger_not_read(ledger, &error);
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

/// An activation of a license, for scripts.
pub(super) fn to_json(activated: &RecordedActivation) -> Value {
    let fact = |name| activated.entry.fact(name);
    let release = activated.release.as_ref();
    let of_release = |name| release.and_then(|release: &Entry| release.fact(name));
    json!({
        "activation_id": activated.id(),
        "license_id": activated.entry.subject,
        "machine": fact("machine"),
        "nonce": fact("nonce"),
        "issued_at": fact("issued_at"),
        "released_at": of_release("at"),
        "released_by": of_release("by"),
        "reason": of_release("reason"),
    })
}

/// The same for a person.
pub(super) fn line(activated: &RecordedActivation) -> String {
    let fact = |name| activated.entry.fact(name).unwrap_or_default();
    let (machine, issued_at) = (fact("machine"), fact("issued_at"));
    let ended = activated.release.as_ref().map(|release| {
        let at = release.fact("at").unwrap_or_default();
        let reason = release.fact("reason").unwrap_or_default();
        match reason == "released" {
            true => format!(", released {at}"),
            false => format!(", ended {at}: {reason}"),
        }
    });
    let line = format!(
        "activation {} on {machine} since {issued_at}{}",
        activated.id().unwrap_or_default(),
        ended.unwrap_or_default()
    );
    escape(&line).into_owned()
}
