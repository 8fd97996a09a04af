//! The journal of usage reports: the closed entries, in a sealed file that is written at most once
//! a day.

use license_core::usage::{ChainPosition, ClosedEntry};
use serde_json::{Value, json};

use crate::problem::StateProblem;
use crate::seal::Seal;
use crate::sealed_file::{self, Document, Durability};
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// Maximum number of entries: about one for each day of a year and a month. The oldest entries are
/// dropped.
pub(crate) const MAX_ENTRIES: usize = 400;
/// Maximum size of all entries in bytes. The entry of a day with many names has several kilobytes.
const MAX_BYTES: usize = 2 << 20;

/// The closed entries, oldest first.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    pub(crate) entries: Vec<ClosedEntry>,
}

impl Journal {
    /// Reads the journal under the lock. A file that cannot be used is quarantined.
    pub(crate) fn load_locked(
        lock: &StoreLock,
        store: &Store,
        seal: &Seal,
    ) -> (Self, Option<StateProblem>) {
        as_journal_problem(sealed_file::load_locked(
            lock,
            store,
            seal,
            StateFile::Usage,
        ))
    }

    /// Reads the journal and changes nothing.
    pub(crate) fn inspect(store: &Store, seal: &Seal) -> (Self, Option<StateProblem>) {
        as_journal_problem(sealed_file::load(
            store,
            seal,
            StateFile::Usage,
            Damaged::Leave,
        ))
    }

    /// Replaces the file. When the method returns, the new file survives a loss of power.
    pub(crate) fn save(&self, lock: &StoreLock, seal: &Seal) -> Result<(), StoreError> {
        sealed_file::save(self, lock, seal, StateFile::Usage, Durability::PowerLoss)
    }

    /// Returns the position after the last entry, or `None` if there is no entry.
    pub(crate) fn next_position(&self) -> Option<ChainPosition> {
        self.entries.last().and_then(ClosedEntry::next_position)
    }

    /// Adds the entries that are not in the journal yet. Then drops the oldest entries, if the
    /// journal exceeds its limits.
    ///
    /// An older copy of the state may contain an entry whose number is already in use. Such an
    /// entry gets the next free number.
    pub(crate) fn append(&mut self, closed: &[ClosedEntry]) {
        for entry in closed {
            // Private parts are unique, because each part has its own salt.
            if self.entries.iter().any(|own| own.private == entry.private) {
                continue;
            }
            let next = self.next_position();
            let is_number_used = |next: &ChainPosition| {
                let position = entry.parse_entry().map(|entry| entry.position());
                position
                    .is_some_and(|position| position.chain == next.chain && position.seq < next.seq)
            };
            let moved = next.filter(is_number_used);
            let moved = moved.and_then(|position| entry.with_position(position));
            self.entries.push(moved.unwrap_or_else(|| entry.clone()));
        }
        self.drop_oldest();
    }

    fn drop_oldest(&mut self) {
        let mut bytes: usize = 0;
        let fits = |entry: &&ClosedEntry| {
            bytes += entry.entry.len() + entry.private.len();
            bytes <= MAX_BYTES
        };
        let newest = self.entries.iter().rev().take(MAX_ENTRIES);
        let remaining = newest.take_while(fits).count().max(1);
        let dropped = self.entries.len().saturating_sub(remaining);
        self.entries.drain(..dropped);
    }
}

impl Document for Journal {
    const VERSION: u64 = 1;
    /// The entries are JSON inside JSON, so escapes make the file larger than its content.
    const CAP: usize = 8 << 20;

    fn parse(members: &Value) -> Option<Self> {
        let entries = members.get("entries")?.as_array()?.iter();
        Some(Self {
            entries: entries.map(ClosedEntry::from_json).collect::<Option<_>>()?,
        })
    }

    fn to_json(&self) -> Value {
        let entries: Value = self.entries.iter().map(ClosedEntry::to_json).collect();
        json!({ "entries": entries })
    }
}

fn as_journal_problem(
    (journal, problem): (Journal, Option<StateProblem>),
) -> (Journal, Option<StateProblem>) {
    let problem = problem.map(|problem| StateProblem::Journal(Box::new(problem)));
    (journal, problem)
}

#[cfg(test)]
mod tests;
