//! Exports, copies, imports and the verification of the ledger.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use license_core::encoding::{decode_text, hex};
use license_core::{TrustSet, with_causes};
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::files;
use license_issuer::ledger::sqlite::SqliteLedger;
use license_issuer::ledger::{ChainFault, LedgerEntryKind, LedgerReader, NewLedgerEntry};
use license_issuer::services::import::{ImportError, ImportVerifier, ImportedItem, plan_import};
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, record};
use serde_json::json;

use super::issue::copy_now;
use super::ledger;
use super::ledger::{VendorLedger, check_clock};
use super::refusals::{bad_request, failed_task, ledger_refused, not_issued};
use crate::domain::{Actor, Refusal, RefusalKind, ServerCode};
use crate::services::site::{Site, random};

/// The first bytes of a SQLite database.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// The number of entries that are exported at once.
const CHUNK: u32 = 500;

/// The number of bytes of a copy that are read at once.
const BLOCK: usize = 256 * 1024;

/// The result of the verification of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerReport {
    /// The number of entries that were verified.
    pub entries: i64,
    /// The hash of the last entry. `keygen ledger verify --head` compares it later.
    pub head: String,
    /// The first fault of the hash chain.
    pub fault: Option<String>,
    /// The number of artifacts whose delivery has not ended.
    pub pending: usize,
}

/// The size of the ledger, as the ledger states it without a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerState {
    /// The number of entries.
    pub entries: i64,
    /// The hash of the last entry.
    pub head: String,
    /// The number of artifacts whose delivery has not ended.
    pub pending: usize,
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerImport {
    /// The number of new entries.
    pub new: usize,
    /// The number of entries that the ledger had already.
    pub known: usize,
    /// Licenses that the ledger had reinstated, and that an imported list revokes again.
    pub revoked_again: Vec<String>,
    /// Licenses that stay revoked, because the file does not contain the revocation of the ledger.
    pub still_revoked: Vec<String>,
}

/// A part of an export, and the last entry in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLines {
    /// Entries as JSON, one a line.
    pub text: String,
    /// The number of the last entry.
    pub last: i64,
}

/// A copy of the ledger file. It has no name, so it disappears when it is closed.
pub struct LedgerCopyFile {
    file: File,
}

impl LedgerCopyFile {
    /// Reads the next bytes. Returns `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the copy cannot be read.
    pub async fn next(self) -> Result<Option<(Vec<u8>, Self)>, Refusal> {
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            let limit = u64::try_from(BLOCK).unwrap_or(u64::MAX);
            let read = (&self.file).take(limit).read_to_end(&mut bytes);
            read.map(|_| (bytes, self))
        });
        let read = read.await.map_err(|_| failed_task())?;
        let (bytes, copy) = read.map_err(|error| copy_failed(&error))?;
        Ok((!bytes.is_empty()).then_some((bytes, copy)))
    }
}

/// Returns the entries after the one with a number. Returns `None` after the last one.
pub(super) async fn lines(site: &Site, after: i64) -> Result<Option<LedgerLines>, Refusal> {
    let vendor = ledger(site)?;
    let read = vendor.read(move |ledger| {
        let (mut text, mut last) = (String::new(), None);
        let visited = ledger.visit_entries_after(after, CHUNK, &mut |entry| {
            text.push_str(&entry.to_json().to_string());
            text.push('\n');
            last = Some(entry.seq);
        });
        visited.map_err(ledger_refused)?;
        Ok(last.map(|last| LedgerLines { text, last }))
    });
    read.await
}

/// Copies the ledger file.
pub(super) async fn copy_file(site: &Site) -> Result<LedgerCopyFile, Refusal> {
    let vendor = ledger(site)?;
    let path = temporary(vendor)?;
    let copied = vendor.read(move |ledger| {
        ledger.back_up(&path).map_err(ledger_refused)?;
        let opened = File::open(&path);
        let removed = fs::remove_file(&path);
        let file = opened.and_then(|file| removed.map(|()| file));
        file.map_err(|error| copy_failed(&error))
    });
    let file = copied.await?;
    Ok(LedgerCopyFile { file })
}

/// Returns what the ledger states about its entries.
pub(super) async fn state(site: &Site) -> Result<LedgerState, Refusal> {
    let read = ledger(site)?.read(|ledger| {
        let head = ledger.head().map_err(ledger_refused)?;
        let pending = ledger.pending().map_err(ledger_refused)?;
        Ok(LedgerState {
            entries: head.entries,
            head: hex::encode(&head.hash),
            pending: pending.len(),
        })
    });
    read.await
}

/// Verifies the hash chain of the ledger.
pub(super) async fn verify(site: &Site) -> Result<LedgerReport, Refusal> {
    let vendor = ledger(site)?;
    let read = vendor.read(|ledger| {
        let report = ledger.verify_chain(None).map_err(ledger_refused)?;
        let condition = ledger.condition().map_err(ledger_refused)?;
        Ok(LedgerReport {
            entries: report.entries,
            head: hex::encode(&report.head),
            fault: report.fault.as_ref().map(described),
            pending: condition.pending.len(),
        })
    });
    read.await
}

/// Imports licenses and other artifacts, an export, or a ledger file.
pub(super) async fn import(
    site: &Site,
    actor: &Actor,
    content: Vec<u8>,
    mode: Mode,
) -> Result<LedgerImport, Refusal> {
    let vendor = ledger(site)?;
    let matrix = Arc::clone(&site.matrix);
    let keys: TrustSet = site.content().keys().joined(&vendor.keys());
    let temporary = temporary(vendor)?;
    let work = move |_: &VendorLedger, mut file| {
        let text = text_of(content, &temporary)?;
        let mut verifier = ImportVerifier::new(&keys, &matrix);
        verifier.read(&text).map_err(|error| not_imported(&error))?;
        let (files, at) = (verifier.into_files(), SystemClock.now());
        let report = record(&mut file, MissingLedger::Refuse, mode, at, |ledger| {
            check_clock(ledger, at)?;
            if let Some(ledger) = ledger {
                refuse_contradictions(&files, ledger)?;
            }
            plan_import(files, ledger).map_err(ledger_refused)
        });
        report.map_err(not_issued)
    };
    let report = vendor.write(work).await?;
    let imported = LedgerImport {
        new: report.new,
        known: report.known,
        revoked_again: report.revoked_again.into_iter().collect(),
        still_revoked: report.still_revoked.into_iter().collect(),
    };
    if mode == Mode::Commit {
        let details = json!({ "new": imported.new, "known": imported.known });
        let audit = site.audit(actor, "ledger.import", "ledger", details);
        site.store.record(&site.tenant, audit).await?;
        copy_now(site).await;
    }
    Ok(imported)
}

/// Returns the text of an import. A ledger file is verified, and becomes an export.
fn text_of(content: Vec<u8>, temporary: &Path) -> Result<String, Refusal> {
    if !content.starts_with(SQLITE_MAGIC) {
        return decode_text(content).map_err(|error| {
            bad_request(with_causes(&error).to_string())
                .hint("send a ledger file, an export or license files")
        });
    }
    let written = files::create_private(temporary).and_then(|mut file| file.write_all(&content));
    let exported = written
        .map_err(|error| copy_failed(&error))
        .and_then(|()| export_of(temporary));
    // The names are those of the file and of SQLite's log.
    for suffix in ["", "-wal", "-shm"] {
        let mut name = temporary.to_owned().into_os_string();
        name.push(suffix);
        let _ = fs::remove_file(name);
    }
    exported
}

/// Verifies a ledger file, and returns its entries as an export.
fn export_of(path: &Path) -> Result<String, Refusal> {
    let refused = |detail: String| {
        Refusal::with_code(RefusalKind::BadRequest, "BROKEN_CHAIN", detail)
            .hint("send a file that `keygen ledger backup` wrote")
    };
    let opened = SqliteLedger::open_read_only(path);
    let ledger = opened
        .map_err(|error| refused(format!("the file is not a ledger: {}", with_causes(&error))))?;
    let report = ledger.verify_chain(None);
    let report = report.map_err(|error| refused(with_causes(&error).to_string()))?;
    if let Some(fault) = report.fault {
        return Err(refused(described(&fault)));
    }
    let mut text = String::new();
    let visited = ledger.visit_entries(&mut |entry| {
        text.push_str(&entry.to_json().to_string());
        text.push('\n');
    });
    visited.map_err(ledger_refused)?;
    Ok(text)
}

/// Refuses an import that has another license with the id of a recorded one. One of them was
/// forged, or two ledgers gave the same id, and a client could not distinguish them.
fn refuse_contradictions(
    files: &[Vec<ImportedItem>],
    ledger: &dyn LedgerReader,
) -> Result<(), Refusal> {
    for item in files.iter().flatten() {
        let ImportedItem::Entry(entry) = item else {
            continue;
        };
        if contradicts(entry, ledger)? {
            let detail = format!(
                "the ledger has another license with the id {}",
                entry.subject
            );
            return Err(
                Refusal::with_code(RefusalKind::Conflict, "CONTRADICTION", detail)
                    .values("the license of the ledger", "another license")
                    .hint(
                        "nothing was imported; compare both files with `keygen diff`, and import \
                         the other entries without this license",
                    ),
            );
        }
    }
    Ok(())
}

fn contradicts(entry: &NewLedgerEntry, ledger: &dyn LedgerReader) -> Result<bool, Refusal> {
    if entry.kind != LedgerEntryKind::License {
        return Ok(false);
    }
    let recorded = ledger.entries_of_kind_about(&entry.subject, entry.kind);
    let recorded = recorded.map_err(ledger_refused)?;
    let is_same = |found| entry.is_recorded_as(found);
    Ok(!recorded.is_empty() && !recorded.iter().any(is_same))
}

/// Converts the reason why a file cannot be imported.
fn not_imported(error: &ImportError) -> Refusal {
    let detail = with_causes(error).to_string();
    match error {
        ImportError::Verify(error) => {
            Refusal::of_license(RefusalKind::BadRequest, error.code(), detail).hint(
                "import licenses of this vendor; a key of another ledger must be in the trust set \
                 of the server",
            )
        }
        _ => bad_request(detail).hint("send a file that `keygen ledger export` wrote"),
    }
}

/// Returns a sentence about a fault of the hash chain.
fn described(fault: &ChainFault) -> String {
    match fault {
        ChainFault::Schema => {
            "the tables or triggers of the ledger are not those of the program".to_owned()
        }
        ChainFault::Derived => "the derived tables do not match the entries".to_owned(),
        ChainFault::OutOfSequence(seq) => {
            format!("expected entry {seq}, found another: an entry was removed, added or moved")
        }
        ChainFault::Changed(seq) => format!("entry {seq} or its predecessor was changed"),
        ChainFault::Head { expected, found } => {
            format!("expected {expected} entries, found {found}: the end of the chain was changed")
        }
        ChainFault::NotInChain => "the ledger was rewritten".to_owned(),
    }
}

/// Returns the path of a new file in the directory of the ledger, where only the server can write.
fn temporary(vendor: &VendorLedger) -> Result<PathBuf, Refusal> {
    let mut name = vendor.path().to_owned().into_os_string();
    name.push(format!(".{}.copy", hex::encode(&random::<8>()?)));
    Ok(name.into())
}

fn copy_failed(error: &std::io::Error) -> Refusal {
    tracing::error!(%error, "the ledger cannot be copied");
    let detail = "the ledger cannot be copied";
    Refusal::new(RefusalKind::Unavailable, ServerCode::StorageFailed, detail)
        .hint("the log of the server has the cause; the disk may be full")
}
