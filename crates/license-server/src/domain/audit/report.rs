//! The verification of an audit trail.

use super::{AuditCheckpoint, AuditEntry};

/// The result of the verification of an audit trail, or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// The number of the last entry that was verified. 0: none was.
    pub entries: u64,
    /// The hash of the last entry that was verified.
    pub head: [u8; 32],
    /// The first fault.
    pub fault: Option<AuditFault>,
}

impl AuditReport {
    /// Creates the report of an empty trail.
    pub fn new() -> Self {
        Self::after(0, AuditEntry::FIRST_PREVIOUS)
    }

    /// Creates the report of a part of a trail that starts after the entry with this number and
    /// hash. The entries before are not verified.
    pub fn after(seq: u64, head: [u8; 32]) -> Self {
        Self {
            entries: seq,
            head,
            fault: None,
        }
    }

    /// Verifies the next entry. Returns whether the trail has no fault so far.
    pub fn verify(&mut self, entry: &AuditEntry) -> bool {
        let expected = self.entries.saturating_add(1);
        if entry.seq != expected {
            let found = entry.seq;
            self.fault = Some(AuditFault::Missing { expected, found });
            return false;
        }
        if !entry.follows(&self.head) {
            self.fault = Some(AuditFault::Changed { seq: entry.seq });
            return false;
        }
        self.entries = entry.seq;
        self.head = entry.hash;
        true
    }

    /// Compares the last entry with a checkpoint, if the checkpoint is for this entry. Returns
    /// whether the trail has no fault so far.
    pub fn verify_checkpoint(&mut self, checkpoint: &AuditCheckpoint) -> bool {
        if checkpoint.entries == self.entries && checkpoint.head != self.head {
            self.fault = Some(AuditFault::Replaced { seq: self.entries });
            return false;
        }
        true
    }

    /// Compares the last entry with the recorded end of the trail.
    pub fn verify_end(&mut self, expected: u64, head: &[u8; 32]) {
        if (expected, head) != (self.entries, &self.head) {
            let found = self.entries;
            self.fault = Some(AuditFault::Cut { expected, found });
        }
    }
}

impl Default for AuditReport {
    fn default() -> Self {
        Self::new()
    }
}

/// A fault of an audit trail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditFault {
    /// An entry is missing.
    #[error("expected entry {expected} of the audit trail, found entry {found}")]
    Missing {
        /// The number of the missing entry.
        expected: u64,
        /// The number of the entry in its place.
        found: u64,
    },
    /// An entry was changed.
    #[error("the hash of entry {seq} of the audit trail does not match its content")]
    Changed {
        /// The number of the entry.
        seq: u64,
    },
    /// Entries were removed from the end.
    #[error("expected {expected} entries in the audit trail, found {found}")]
    Cut {
        /// The number of entries according to the end of the chain.
        expected: u64,
        /// The number of entries.
        found: u64,
    },
    /// The chain is intact, but it is another one than the one of the checkpoint.
    #[error("entry {seq} of the audit trail is not the one of the checkpoint")]
    Replaced {
        /// The number of the entry.
        seq: u64,
    },
}

impl AuditFault {
    /// Returns the number of the first entry that is missing or is not the expected one.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Missing { expected, .. } => *expected,
            Self::Changed { seq } | Self::Replaced { seq } => *seq,
            Self::Cut { found, .. } => found.saturating_add(1),
        }
    }
}
