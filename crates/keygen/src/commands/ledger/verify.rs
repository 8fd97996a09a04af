//! `keygen ledger verify`: verifies the chain, and reports what the chain does not cover.

use std::path::Path;

use license_cli_support::{Exit, Failure, Terminal, plural, show_path};
use license_core::encoding::hex;
use license_issuer::delivery::ArtifactDestination;
use license_issuer::files::{ExposedFile, Exposure};
use license_issuer::ledger::sqlite::SqliteLedger;
use license_issuer::ledger::{
    ChainFault, LedgerCondition, LedgerReader, LowSerial, PendingArtifact,
};
use serde_json::{Value, json};

use crate::failures;

pub(super) fn run(
    ledger: &SqliteLedger,
    head: Option<&[u8; 32]>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let failed = failures::ledger_not_read(ledger);
    let report = ledger.verify_chain(head.map(<[u8; 32]>::as_slice));
    let report = report.map_err(failed)?;
    if let Some(fault) = report.fault {
        return Err(broken_chain(ledger, &fault));
    }
    let condition = ledger.condition().map_err(failed)?;
    let warnings = warnings(&condition);
    for (code, message) in &warnings {
        terminal.warning(code, message);
    }
    let head = hex::encode(&report.head);
    if terminal.is_json() {
        let warnings = warnings.iter();
        let warnings = warnings.map(|(code, message)| json!({ "code": code, "message": message }));
        return terminal.json(&json!({
            "entries": report.entries,
            "head": head,
            "whole": true,
            "pending": condition.pending.iter().map(pending_json).collect::<Vec<_>>(),
            "warnings": warnings.collect::<Vec<_>>(),
        }));
    }
    let entries = plural(report.entries, "entry", "entries");
    terminal.data(&format!("intact: {entries}\nhead: {head}"))?;
    if report.entries > 0 {
        terminal.note(
            "store the head separately from the ledger: `keygen ledger verify --head HEAD` then detects a rewritten ledger",
        );
    }
    Ok(())
}

/// Returns the code and the message of each warning.
fn warnings(condition: &LedgerCondition) -> Vec<(&'static str, String)> {
    let pending = pending_warning(&condition.pending).map(|message| ("PENDING", message));
    let serial = condition
        .low_serial
        .map(|low| ("LOW_SERIAL", serial_warning(low)));
    let exposed = condition.exposed.iter();
    let exposed = exposed.map(|file| ("EXPOSED_LEDGER", exposure_warning(file)));
    pending.into_iter().chain(serial).chain(exposed).collect()
}

fn pending_warning(pending: &[PendingArtifact]) -> Option<String> {
    let first = pending.first()?;
    let destination = match &first.destination {
        ArtifactDestination::Stream => "standard output".to_owned(),
        ArtifactDestination::File { path, .. } => show_path(path),
    };
    let count = |count: usize| {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        plural(count, "artifact", "artifacts")
    };
    let mut message = format!(
        "{} pending, the first for {destination}: if no other command is running, the next command that writes to this ledger completes or discards them",
        count(pending.len())
    );
    let foreign = pending.iter().filter(|artifact| !artifact.is_recoverable());
    let foreign = foreign.count();
    if foreign > 0 {
        message += &format!(
            ", except for {} with a staging file that is not one of this program: the ledger was changed by hand",
            count(foreign)
        );
    }
    Some(message)
}

fn serial_warning(low: LowSerial) -> String {
    format!(
        "expected a serial counter of {} or more, found {}: the counter was reset, or a license of another ledger was imported",
        low.recorded, low.counter
    )
}

fn exposure_warning(file: &ExposedFile) -> String {
    let path = show_path(&file.path);
    match file.exposure {
        Exposure::FileMode(mode) => format!(
            "other users can read or write {path}: expected mode 600, found {mode:03o}; run `chmod 600 {path}`"
        ),
        Exposure::DirectoryMode(mode) => format!(
            "other users can replace files in {path}: expected mode 700, found {mode:03o}; run `chmod go-w {path}`"
        ),
        Exposure::Owner(owner) => format!(
            "user {owner} owns {path} and can change it: expected a file of this user or of root"
        ),
    }
}

fn pending_json(artifact: &PendingArtifact) -> Value {
    let (path, staging) = match &artifact.destination {
        ArtifactDestination::Stream => (None, None),
        ArtifactDestination::File { path, staging, .. } => {
            (Some(show_path(path)), Some(show_path(staging)))
        }
    };
    json!({
        "kind": artifact.kind.as_str(),
        "subject": artifact.subject,
        "recorded": artifact.stored.is_some_and(|stored| stored.is_recorded),
        "recoverable": artifact.is_recoverable(),
        "path": path,
        "staging": staging,
    })
}

pub(super) fn broken_chain(ledger: &dyn LedgerReader, fault: &ChainFault) -> Failure {
    let reason = match fault {
        ChainFault::Schema => {
            "the tables or triggers differ from those that this program creates".to_owned()
        }
        ChainFault::Derived => "the derived tables do not match the entries".to_owned(),
        ChainFault::OutOfSequence(seq) => {
            format!("expected entry {seq}, found another: an entry was removed, added or moved")
        }
        ChainFault::Changed(seq) => {
            format!("entry {seq} or its predecessor was changed")
        }
        ChainFault::Head { expected, found } => {
            format!("expected {expected} entries, found {found}: the end of the chain was changed")
        }
        ChainFault::NotInChain => {
            "the hash of --head is not in the chain: the ledger was rewritten".to_owned()
        }
    };
    let message = format!(
        "ledger {}: {reason}",
        show_path(Path::new(&ledger.location()))
    );
    Failure::new(Exit::Indeterminate, "BROKEN_CHAIN", message)
        .hint("compare the ledger with a backup; `keygen ledger export` writes the entries of each")
}
