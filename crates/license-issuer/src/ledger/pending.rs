//! Artifacts that are signed and not yet delivered.

use crate::delivery::ArtifactDestination;
use crate::files;
use crate::ledger::entry::{LedgerEntryKind, NewLedgerEntry};

/// Whether a recorded artifact has reached its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// The artifact is at its destination, or will be there after recovery.
    Delivered,
    /// A process crashed before it confirmed the delivery.
    Uncertain,
}

/// A signed artifact that is not yet delivered.
#[derive(Clone, Debug)]
pub struct PendingArtifact {
    /// The kind of the entry.
    pub kind: LedgerEntryKind,
    /// The id of the license, key or machine that the entry is about.
    pub subject: String,
    /// The members of the entry, as JSON text.
    pub body: String,
    /// The artifact.
    pub artifact: String,
    /// The destination.
    pub destination: ArtifactDestination,
    /// The record in the ledger, set by
    /// [`LedgerWriter::begin`](crate::ledger::LedgerWriter::begin).
    pub stored: Option<StoredPending>,
}

/// The record of a pending artifact in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredPending {
    /// The number of the record.
    pub id: i64,
    /// The time when the artifact was stored, in seconds since 1970. The entry gets the same time.
    pub at: i64,
    /// Whether an entry contains the artifact.
    pub is_recorded: bool,
}

impl PendingArtifact {
    /// Creates a pending artifact that is not stored yet.
    pub fn new(entry: NewLedgerEntry, destination: ArtifactDestination) -> Self {
        Self {
            kind: entry.kind,
            subject: entry.subject,
            body: entry.body.to_string(),
            artifact: entry.artifact,
            destination,
            stored: None,
        }
    }

    /// Returns whether recovery may touch the staging file. Only a staging file of this program, in
    /// the directory of the destination, may be renamed or deleted.
    pub fn is_recoverable(&self) -> bool {
        match &self.destination {
            ArtifactDestination::Stream => true,
            ArtifactDestination::File { path, staging, .. } => {
                files::is_staging_path(staging, path)
            }
        }
    }
}
