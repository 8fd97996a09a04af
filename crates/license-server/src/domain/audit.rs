//! The audit trail: an append-only chain of administrative changes.

mod checkpoint;
mod filter;
mod line;
mod report;

use chrono::{DateTime, Utc};
use license_core::time::rfc3339;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use checkpoint::AuditCheckpoint;
pub use filter::AuditFilter;
pub(crate) use filter::kind_or_beginning;
pub use line::{AuditLine, AuditLineError};
pub use report::{AuditFault, AuditReport};

use super::account::AccountId;
use super::actor::Actor;
use super::webhook::Webhook;

/// An entry that is to be appended to the audit trail, in the transaction of its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// The originator, with the address of its request.
    pub actor: Actor,
    /// The action, such as `license.install`.
    pub action: &'static str,
    /// The changed object, such as a license id.
    pub subject: String,
    /// The state before the change, without secrets. `None`: there was none. The store adds it,
    /// because it reads the state in the transaction of the change.
    pub before: Option<Value>,
    /// The state after the change, or other details, without secrets.
    pub details: Value,
    /// The time.
    pub at: DateTime<Utc>,
}

impl NewAuditEntry {
    /// Creates an entry without a former state.
    pub fn new(
        actor: Actor,
        action: &'static str,
        subject: impl Into<String>,
        details: Value,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            actor,
            action,
            subject: subject.into(),
            before: None,
            details,
            at,
        }
    }

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
            actor: Actor::Account(account.clone()).at_some(self.actor.address()),
            ..self.with_subject(account.as_str())
        }
    }

    /// Returns the entry of the deletion of an account that the change of this entry has ended.
    #[must_use]
    pub fn of_deletion(&self) -> Self {
        Self {
            action: "account.delete",
            before: None,
            ..self.clone()
        }
    }

    /// Returns the same entry with the states of an endpoint before and after the change.
    #[must_use]
    pub fn of_change(&self, former: &Webhook, changed: &Webhook) -> Self {
        Self {
            before: Some(former.audited()),
            details: changed.audited(),
            ..self.clone()
        }
    }

    /// Returns the same entry with the state before the change.
    #[must_use]
    pub fn with_before(self, before: Option<Value>) -> Self {
        Self { before, ..self }
    }
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The number of the entry, from 1 without gaps.
    pub seq: u64,
    /// The format of the entry, which decides what the hash covers: 1 or 2.
    pub format: u64,
    /// The time in RFC 3339.
    pub at: String,
    /// The originator.
    pub actor: String,
    /// The address from which the request came. Entries of format 1 have none.
    pub address: Option<String>,
    /// The action.
    pub action: String,
    /// The changed object.
    pub subject: String,
    /// The state before the change as JSON text. Entries of format 1 have none.
    pub before: Option<String>,
    /// The details as JSON text.
    pub details: String,
    /// The hash of this entry and of its predecessor's hash.
    pub hash: [u8; 32],
}

impl AuditEntry {
    /// The hash before the first entry.
    pub const FIRST_PREVIOUS: [u8; 32] = [0; 32];

    /// The format of new entries.
    pub const FORMAT: u64 = 2;

    /// Creates the entry that follows the entry with the number `seq - 1` and the hash `previous`.
    pub fn chained(entry: &NewAuditEntry, seq: u64, previous: &[u8; 32]) -> Self {
        let mut chained = Self {
            seq,
            format: Self::FORMAT,
            at: rfc3339(entry.at).to_string(),
            actor: entry.actor.to_string(),
            address: entry.actor.address().map(|address| address.to_string()),
            action: entry.action.to_owned(),
            subject: entry.subject.clone(),
            before: entry.before.as_ref().map(Value::to_string),
            details: entry.details.to_string(),
            hash: Self::FIRST_PREVIOUS,
        };
        chained.hash = chained.hash_after(previous).unwrap_or_default();
        chained
    }

    /// Returns whether the hash of the entry is that of its content after the hash `previous`.
    pub fn follows(&self, previous: &[u8; 32]) -> bool {
        self.hash_after(previous) == Some(self.hash)
    }

    /// Returns the SHA-256 digest of the hash of the predecessor and of each member, each preceded
    /// by its length in bytes. A member that is absent counts as an empty text. Returns `None` for
    /// an unknown format, and for an entry of format 1 with a member whose content its hash does
    /// not cover.
    fn hash_after(&self, previous: &[u8; 32]) -> Option<[u8; 32]> {
        let (name, members) = match (self.format, &self.address, &self.before) {
            (1, None, None) => (
                "license-server-audit-v1",
                vec![
                    self.at.as_str(),
                    &self.actor,
                    &self.action,
                    &self.subject,
                    &self.details,
                ],
            ),
            (2, address, before) => (
                "license-server-audit-v2",
                vec![
                    self.at.as_str(),
                    &self.actor,
                    address.as_deref().unwrap_or_default(),
                    &self.action,
                    &self.subject,
                    before.as_deref().unwrap_or_default(),
                    &self.details,
                ],
            ),
            _ => return None,
        };
        let mut hash = Sha256::new();
        hash.update(name.as_bytes());
        hash.update(previous);
        hash.update(self.seq.to_be_bytes());
        for member in members {
            let length = u64::try_from(member.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(member.as_bytes());
        }
        Some(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_core::time;
    use serde_json::json;

    fn entry() -> AuditEntry {
        let actor = Actor::Console.at("192.0.2.1".parse().unwrap());
        let details = json!({"b": 1});
        let new = NewAuditEntry::new(actor, "license.install", "a", details, time::MIN);
        let new = new.with_before(Some(json!({"b": 0})));
        AuditEntry::chained(&new, 1, &AuditEntry::FIRST_PREVIOUS)
    }

    #[test]
    fn every_member_and_the_predecessor_are_part_of_the_hash() {
        let entry = entry();
        assert!(entry.follows(&[0; 32]));
        assert!(!entry.follows(&[1; 32]));
        let changes: [fn(&mut AuditEntry); 11] = [
            |entry| entry.seq = 2,
            |entry| entry.format = 1,
            |entry| entry.format = 3,
            |entry| entry.at.push('x'),
            |entry| entry.actor.push('x'),
            |entry| entry.address = None,
            |entry| entry.action.push('x'),
            |entry| entry.subject.push('x'),
            |entry| entry.before = None,
            |entry| entry.details.push('x'),
            // A character that moves to the next member changes the hash.
            |entry| entry.action.push_str(&std::mem::take(&mut entry.subject)),
        ];
        for change in changes {
            let mut changed = entry.clone();
            change(&mut changed);
            assert!(!changed.follows(&[0; 32]), "{changed:?}");
        }
    }

    #[test]
    fn an_entry_of_format_1_verifies_and_gets_no_other_member() {
        // Version 1 of the server wrote this hash.
        let mut old = AuditEntry {
            format: 1,
            address: None,
            before: None,
            ..entry()
        };
        let mut hash = Sha256::new();
        hash.update(b"license-server-audit-v1");
        hash.update([0; 32]);
        hash.update(1_u64.to_be_bytes());
        for member in [&old.at, &old.actor, &old.action, &old.subject, &old.details] {
            hash.update(u64::try_from(member.len()).unwrap().to_be_bytes());
            hash.update(member.as_bytes());
        }
        old.hash = hash.finalize().into();
        assert!(old.follows(&[0; 32]));
        let address = AuditEntry {
            address: Some("192.0.2.1".to_owned()),
            ..old.clone()
        };
        let before = AuditEntry {
            before: Some("{}".to_owned()),
            ..old.clone()
        };
        assert!(!address.follows(&[0; 32]) && !before.follows(&[0; 32]));
    }
}
