//! The revocations that this machine has recorded for its licenses and activations.
//!
//! Each is a copy of an entry of a verified revocation list. Removing or damaging the file with the
//! lists therefore does not undo a revocation. Only a later list of the same key does.

use license_core::license::{RecordedRevocation, RevocationList};
use license_core::{LicenseId, TrustSet};
use serde::Deserialize;
use serde_json::{Value, json};

use super::seen_lists::SeenLists;

/// Maximum number of recorded revocations of licenses that are no longer installed. The oldest ones
/// are dropped.
const MAX_OTHERS: usize = 64;

/// The recorded revocations, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RecordedRevocations {
    entries: Vec<RecordedRevocation>,
}

impl RecordedRevocations {
    /// Records the revocations of these licenses and activations by a list, and drops the earlier
    /// ones that the list lifts. Returns whether this changes the record.
    ///
    /// The list must not be older than the newest list of its key that was seen here.
    pub(crate) fn record(&mut self, list: &RevocationList, installed: &[LicenseId]) -> bool {
        let before = self.entries.clone();
        self.entries.retain(|entry| entry.key != *list.key_id());
        let of_key = before.iter().filter(|entry| entry.key == *list.key_id());
        let ids = of_key.map(|entry| &entry.license).chain(installed);
        for revocation in ids.filter_map(|id| RecordedRevocation::new(list, id)) {
            if !self.entries.contains(&revocation) {
                self.entries.push(revocation);
            }
        }
        self.drop_oldest(installed);
        let is_unchanged = before.len() == self.entries.len();
        !(is_unchanged && before.iter().all(|entry| self.entries.contains(entry)))
    }

    /// Drops the oldest revocations of licenses that are not installed, if there are too many.
    fn drop_oldest(&mut self, installed: &[LicenseId]) {
        let is_other = |entry: &RecordedRevocation| !installed.contains(&entry.license);
        let others = self.entries.iter().filter(|entry| is_other(entry)).count();
        let mut excess = others.saturating_sub(MAX_OTHERS);
        self.entries.retain(|entry| {
            let is_dropped = excess > 0 && is_other(entry);
            excess = excess.saturating_sub(usize::from(is_dropped));
            !is_dropped
        });
    }

    /// Combines two copies. If one copy has seen a later list of a key, its revocations by that key
    /// count, because the later list may have lifted the others.
    pub(crate) fn merged(self, seen: &SeenLists, other: Self, other_seen: &SeenLists) -> Self {
        let mut entries: Vec<RecordedRevocation> = Vec::new();
        let copies = [(self, seen, other_seen), (other, other_seen, seen)];
        for (copy, own, rest) in copies {
            for entry in copy.entries {
                let is_current = own.seq(&entry.key) >= rest.seq(&entry.key);
                if is_current && !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
        }
        Self { entries }
    }

    /// Returns the recorded revocations by keys that are trusted now.
    pub(crate) fn by_keys(&self, trust: &TrustSet) -> Vec<RecordedRevocation> {
        let is_trusted = |entry: &&RecordedRevocation| trust.get(entry.key.as_str()).is_some();
        self.entries.iter().filter(is_trusted).cloned().collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        json!(self.entries)
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let entries = value.as_array()?.iter();
        let entries = entries.map(|entry| RecordedRevocation::deserialize(entry).ok());
        let entries = entries.collect::<Option<_>>()?;
        Some(Self { entries })
    }
}
