//! Pending artifacts in a SQLite ledger.

use std::path::PathBuf;

use rusqlite::Row;

use crate::delivery::ArtifactDestination;
use crate::errors::LedgerError;
use crate::files::Collision;
use crate::ledger::entry::LedgerEntryKind;
use crate::ledger::pending::{PendingArtifact, StoredPending};
use crate::ledger::sqlite::SqliteLedger;

/// Selects the pending artifacts. An artifact is recorded if it is marked as recorded, or if it is
/// a license and the entries contain its token as delivered.
const PENDING: &str = "
SELECT id, at, kind, subject, body, artefact, path, passing, replaces,
  entered OR (kind = 'license' AND EXISTS (
    SELECT 1 FROM entries e WHERE e.subject = intents.subject AND e.kind = intents.kind
      AND e.artefact = intents.artefact AND e.delivered))
FROM intents ORDER BY id";

impl SqliteLedger {
    /// Returns the pending artifacts, oldest first. They belong to a process that is running, or to
    /// one that crashed.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn pending(&self) -> Result<Vec<PendingArtifact>, LedgerError> {
        let mut statement = self.db.prepare_cached(PENDING)?;
        let mut rows = statement.query([])?;
        let mut pending = Vec::new();
        while let Some(row) = rows.next()? {
            pending.push(pending_of_row(row)?);
        }
        Ok(pending)
    }
}

fn pending_of_row(row: &Row<'_>) -> Result<PendingArtifact, LedgerError> {
    let kind: String = row.get(2)?;
    let kind = LedgerEntryKind::parse(&kind).ok_or(LedgerError::Inconsistent {
        expected: "a known kind of pending artifact",
        found: kind,
    })?;
    let (path, staging): (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
    let collision = if row.get(8)? {
        Collision::Replace
    } else {
        Collision::Refuse
    };
    let destination = match path.zip(staging) {
        None => ArtifactDestination::Stream,
        Some((path, staging)) => ArtifactDestination::File {
            path: PathBuf::from(path),
            staging: PathBuf::from(staging),
            collision,
        },
    };
    Ok(PendingArtifact {
        kind,
        subject: row.get(3)?,
        body: row.get(4)?,
        artifact: row.get(5)?,
        destination,
        stored: Some(StoredPending {
            id: row.get(0)?,
            at: row.get(1)?,
            is_recorded: row.get(9)?,
        }),
    })
}
