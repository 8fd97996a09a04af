//! The audit trail: an append-only chain of administrative changes.

use chrono::{DateTime, Utc};
use license_core::time::rfc3339;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::account::AccountId;
use super::actor::Actor;

/// An entry that is to be appended to the audit trail, in the transaction of its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// The originator.
    pub actor: Actor,
    /// The action, such as `license.install`.
    pub action: &'static str,
    /// The changed object, such as a license id.
    pub subject: String,
    /// The details, without secrets.
    pub details: Value,
    /// The time.
    pub at: DateTime<Utc>,
}

impl NewAuditEntry {
    /// Returns the same entry for another object.
    #[must_use]
    pub fn with_subject(&self, subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            ..self.clone()
        }
    }

    /// Returns the same entry for an account, which is the originator and the object.
    #[must_use]
    pub fn of_account(&self, account: &AccountId) -> Self {
        Self {
            actor: Actor::Account(account.clone()),
            ..self.with_subject(account.as_str())
        }
    }
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The number of the entry, from 1 without gaps.
    pub seq: u64,
    /// The time in RFC 3339.
    pub at: String,
    /// The originator.
    pub actor: String,
    /// The action.
    pub action: String,
    /// The changed object.
    pub subject: String,
    /// The details as JSON text.
    pub details: String,
    /// The hash of this entry and of its predecessor's hash.
    pub hash: [u8; 32],
}

impl AuditEntry {
    /// The hash before the first entry.
    pub const FIRST_PREVIOUS: [u8; 32] = [0; 32];

    /// Creates the entry that follows the entry with the number `seq - 1` and the hash `previous`.
    pub fn chained(entry: &NewAuditEntry, seq: u64, previous: &[u8; 32]) -> Self {
        let mut chained = Self {
            seq,
            at: rfc3339(entry.at).to_string(),
            actor: entry.actor.to_string(),
            action: entry.action.to_owned(),
            subject: entry.subject.clone(),
            details: entry.details.to_string(),
            hash: Self::FIRST_PREVIOUS,
        };
        chained.hash = chained.expected_hash(previous);
        chained
    }

    /// Returns the SHA-256 digest of the hash of the predecessor and of each member, each preceded
    /// by its length in bytes.
    pub fn expected_hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"license-server-audit-v1");
        hash.update(previous);
        hash.update(self.seq.to_be_bytes());
        let members = [
            &self.at,
            &self.actor,
            &self.action,
            &self.subject,
            &self.details,
        ];
        for member in members {
            let length = u64::try_from(member.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(member.as_bytes());
        }
        hash.finalize().into()
    }
}

/// The result of the verification of an audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// The number of entries that were verified.
    pub entries: u64,
    /// The hash of the last entry that was verified.
    pub head: [u8; 32],
    /// The first fault.
    pub fault: Option<AuditFault>,
}

impl AuditReport {
    /// Creates the report of an empty trail.
    pub fn new() -> Self {
        Self {
            entries: 0,
            head: AuditEntry::FIRST_PREVIOUS,
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
        if entry.hash != entry.expected_hash(&self.head) {
            self.fault = Some(AuditFault::Changed { seq: entry.seq });
            return false;
        }
        self.entries = entry.seq;
        self.head = entry.hash;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_core::time;
    use serde_json::json;

    #[test]
    fn every_member_and_the_predecessor_are_part_of_the_hash() {
        let new = NewAuditEntry {
            actor: Actor::Console,
            action: "license.install",
            subject: "a".to_owned(),
            details: json!({"b": 1}),
            at: time::MIN,
        };
        let entry = AuditEntry::chained(&new, 1, &AuditEntry::FIRST_PREVIOUS);
        assert_eq!(entry.hash, entry.expected_hash(&[0; 32]));
        assert_ne!(entry.hash, entry.expected_hash(&[1; 32]));
        let changes: [fn(&mut AuditEntry); 6] = [
            |entry| entry.seq = 2,
            |entry| entry.at.push('x'),
            |entry| entry.actor.push('x'),
            |entry| entry.action.push('x'),
            |entry| entry.subject.push('x'),
            |entry| entry.details.push('x'),
        ];
        for change in changes {
            let mut changed = entry.clone();
            change(&mut changed);
            assert_ne!(entry.hash, changed.expected_hash(&[0; 32]), "{changed:?}");
        }
        // A character that moves to the next member changes the hash.
        let mut moved = entry.clone();
        moved.action.push_str(&std::mem::take(&mut moved.subject));
        assert_ne!(entry.hash, moved.expected_hash(&[0; 32]));
    }
}
