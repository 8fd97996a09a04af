//! Write access to a SQLite ledger.

use std::path::Path;

use license_core::chrono::{DateTime, Utc};
use license_core::time;
use rusqlite::{Transaction, TransactionBehavior, params};

use crate::delivery::ArtifactDestination;
use crate::errors::LedgerError;
use crate::files::{self, Collision, LockedFile};
use crate::ledger::entry::{LedgerEntry, LedgerEntryKind, NewLedgerEntry};
use crate::ledger::pending::{DeliveryState, PendingArtifact, StoredPending};
use crate::ledger::reader::LedgerReader;
use crate::ledger::recovery::recover;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::writer::LedgerWriter;

/// The exclusive right to write to a SQLite ledger. Dropping the writer releases its lock.
#[derive(Debug)]
pub struct SqliteWriter<'l> {
    ledger: &'l mut SqliteLedger,
    now: DateTime<Utc>,
    _lock: LockedFile,
}

impl<'l> SqliteWriter<'l> {
    /// Creates the writer for the holder of the lock, and recovers the artifacts of crashed
    /// processes.
    pub(super) fn with_recovery(
        ledger: &'l mut SqliteLedger,
        now: DateTime<Utc>,
        lock: LockedFile,
    ) -> Result<Self, LedgerError> {
        let mut writer = Self {
            ledger,
            now,
            _lock: lock,
        };
        recover(&mut writer)?;
        Ok(writer)
    }

    fn transaction(&mut self) -> Result<Transaction<'_>, LedgerError> {
        let behavior = TransactionBehavior::Immediate;
        Ok(self.ledger.db.transaction_with_behavior(behavior)?)
    }

    fn now_seconds(&self) -> Result<i64, LedgerError> {
        let seconds = time::unix_seconds(self.now);
        i64::try_from(seconds).map_err(|_| LedgerError::Inconsistent {
            expected: "a time before 2^63 seconds",
            found: seconds.to_string(),
        })
    }
}

impl LedgerWriter for SqliteWriter<'_> {
    fn reader(&self) -> &dyn LedgerReader {
        self.ledger
    }

    fn pending(&self) -> Result<Vec<PendingArtifact>, LedgerError> {
        self.ledger.pending()
    }

    fn reserve_serials(&mut self, count: u64, clock_micros: u64) -> Result<u64, LedgerError> {
        let transaction = self.transaction()?;
        let sql = "SELECT serial FROM head";
        let last: i64 = transaction.query_row(sql, [], |row| row.get(0))?;
        let last = u64::try_from(last).map_err(|_| LedgerError::Inconsistent {
            expected: "a serial that is not negative",
            found: last.to_string(),
        })?;
        let first = last.saturating_add(1).max(clock_micros);
        let end = first.saturating_add(count).saturating_sub(1);
        let end = i64::try_from(end).map_err(|_| LedgerError::Full)?;
        transaction.execute("UPDATE head SET serial = ?1", [end])?;
        transaction.commit()?;
        Ok(first)
    }

    fn begin(&mut self, artifacts: &mut [PendingArtifact]) -> Result<(), LedgerError> {
        let at = self.now_seconds()?;
        let transaction = self.transaction()?;
        for artifact in artifacts.iter_mut() {
            let id = insert_pending(&transaction, artifact, at)?;
            artifact.stored = Some(StoredPending {
                id,
                at,
                is_recorded: false,
            });
        }
        transaction.commit()?;
        Ok(())
    }

    /// Appends stored pending artifacts to the entries, in one transaction.
    ///
    /// All pending artifacts except delivered licenses are marked as recorded. A delivered license
    /// needs no mark, because its entry proves the recording. A mark would write the page of the
    /// pending artifact again.
    fn record(
        &mut self,
        artifacts: &[PendingArtifact],
        state: DeliveryState,
    ) -> Result<(), LedgerError> {
        let delivered = state == DeliveryState::Delivered;
        let transaction = self.transaction()?;
        for artifact in artifacts {
            let stored = artifact.stored.ok_or(LedgerError::NotPending)?;
            append(&transaction, stored.at, artifact, delivered)?;
            if !(delivered && artifact.kind == LedgerEntryKind::License) {
                transaction
                    .prepare_cached("UPDATE intents SET entered = 1 WHERE id = ?1")?
                    .execute([stored.id])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn finish(&mut self, artifacts: &[PendingArtifact]) -> Result<(), LedgerError> {
        let transaction = self.transaction()?;
        for artifact in artifacts {
            let stored = artifact.stored.ok_or(LedgerError::NotPending)?;
            transaction
                .prepare_cached("DELETE FROM intents WHERE id = ?1")?
                .execute([stored.id])?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn append(&mut self, entries: &[NewLedgerEntry]) -> Result<(), LedgerError> {
        let at = self.now_seconds()?;
        let transaction = self.transaction()?;
        for entry in entries {
            let artifact = PendingArtifact::new(entry.clone(), ArtifactDestination::Stream);
            append(&transaction, at, &artifact, true)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Stores a pending artifact and returns its number.
fn insert_pending(
    transaction: &Transaction<'_>,
    artifact: &PendingArtifact,
    at: i64,
) -> Result<i64, LedgerError> {
    let (path, staging, replaces) = match &artifact.destination {
        ArtifactDestination::Stream => (None, None, false),
        ArtifactDestination::File {
            path,
            staging,
            collision,
        } => {
            let (path, staging) = (absolute_text(path)?, absolute_text(staging)?);
            if !files::is_staging_path(Path::new(&staging), Path::new(&path)) {
                return Err(LedgerError::Staging(staging.into()));
            }
            (Some(path), Some(staging), *collision == Collision::Replace)
        }
    };
    let sql = "INSERT INTO intents (at, kind, subject, body, artefact, path, passing, replaces)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    transaction.prepare_cached(sql)?.execute(params![
        at,
        artifact.kind.as_str(),
        artifact.subject,
        artifact.body,
        artifact.artifact,
        path,
        staging,
        replaces,
    ])?;
    Ok(transaction.last_insert_rowid())
}

/// Appends the entry of an artifact to the chain.
fn append(
    transaction: &Transaction<'_>,
    at: i64,
    artifact: &PendingArtifact,
    delivered: bool,
) -> Result<(), LedgerError> {
    let (count, previous): (i64, Vec<u8>) = transaction
        .prepare_cached("SELECT entries, hash FROM head")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut entry = LedgerEntry {
        seq: count.checked_add(1).ok_or(LedgerError::Full)?,
        at,
        kind: artifact.kind.as_str().to_owned(),
        subject: artifact.subject.clone(),
        delivered,
        body: artifact.body.clone(),
        artifact: artifact.artifact.clone(),
        hash: Vec::new(),
    };
    entry.hash = entry.expected_hash(&previous);
    transaction
        .prepare_cached(
            "INSERT INTO entries (seq, at, kind, subject, delivered, body, artefact, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            entry.seq,
            entry.at,
            entry.kind,
            entry.subject,
            entry.delivered,
            entry.body,
            entry.artifact,
            entry.hash,
        ])?;
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO replaced (old, new)
             SELECT value, ?1 FROM json_each(?2, '$.supersedes')",
        )?
        .execute([&entry.subject, &entry.body])?;
    transaction
        .prepare_cached("UPDATE head SET entries = ?1, hash = ?2")?
        .execute(params![entry.seq, entry.hash])?;
    Ok(())
}

fn absolute_text(path: &Path) -> Result<String, LedgerError> {
    let path = std::path::absolute(path).map_err(LedgerError::Io)?;
    path.into_os_string()
        .into_string()
        .map_err(|_| LedgerError::NotText)
}

#[cfg(test)]
mod tests;
