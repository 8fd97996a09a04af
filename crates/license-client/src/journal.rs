//! The journal of usage reports: the entries that are closed, in a sealed file of their own, which is written once a day at most.

use license_core::usage_report::{Closed, Place};
use serde_json::{Value, json};

use crate::paths::StateFile;
use crate::problem::StateProblem;
use crate::sealed::Seal;
use crate::state::{Reading, load_file, put_aside};
use crate::store::{Store, StoreError, StoreLock};

/// The format of what is sealed.
const VERSION: u64 = 1;
/// So many entries are kept, a year and a month of days: the oldest are forgotten.
pub(crate) const MOST_ENTRIES: usize = 400;
/// So many bytes of lines are kept. A day of many names has some kilobytes.
const MOST_BYTES: usize = 2 << 20;
/// What is read at most: JSON's escapes of lines that are JSON make them larger.
const CAP: usize = 8 << 20;

/// The closed entries, oldest first.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    pub(crate) entries: Vec<Closed>,
}

impl Journal {
    /// What is kept, for who holds the lock: what can't be used is set aside.
    pub(crate) fn load_locked(
        lock: &StoreLock,
        store: &Store,
        seal: &Seal,
    ) -> (Self, Option<StateProblem>) {
        load(store, seal, |file, problem| put_aside(lock, file, problem))
    }

    /// What is kept, with everything left as it is.
    pub(crate) fn inspect(store: &Store, seal: &Seal) -> (Self, Option<StateProblem>) {
        load(store, seal, |_, _| None)
    }

    /// Replaces the file. Once this returns, it survives a loss of power.
    pub(crate) fn save(&self, lock: &StoreLock, seal: &Seal) -> Result<(), StoreError> {
        let entries: Value = self.entries.iter().map(Closed::to_json).collect();
        let content = json!({ "version": VERSION, "entries": entries }).to_string();
        let sealed = seal.seal(StateFile::Usage, content.as_bytes());
        let sealed = sealed.map_err(|source| lock.unwritable(StateFile::Usage, source))?;
        lock.write(StateFile::Usage, &sealed)
    }

    /// The place after the last entry; none if there is no entry.
    pub(crate) fn next_place(&self) -> Option<Place> {
        self.entries.last().and_then(Closed::next_place)
    }

    /// Adds entries that are not in it yet, and forgets the oldest past the bound. Of an older copy of the state, whose numbers are taken, they
    /// get the next ones.
    pub(crate) fn absorb(&mut self, closed: &[Closed]) {
        for entry in closed {
            // No two private parts are alike, for each has a salt of its own.
            if self.entries.iter().any(|own| own.private == entry.private) {
                continue;
            }
            let next = self.next_place();
            let is_taken = |next: &Place| {
                let place = entry.parsed().map(|entry| entry.place);
                place.is_some_and(|place| place.chain == next.chain && place.seq < next.seq)
            };
            let moved = next.filter(is_taken);
            let moved = moved.and_then(|place| entry.moved_to(place));
            self.entries.push(moved.unwrap_or_else(|| entry.clone()));
        }
        self.forget();
    }

    fn forget(&mut self) {
        let mut bytes: usize = 0;
        let fits = |entry: &&Closed| {
            bytes += entry.entry.len() + entry.private.len();
            bytes <= MOST_BYTES
        };
        let newest = self.entries.iter().rev().take(MOST_ENTRIES);
        let kept = newest.take_while(fits).count().max(1);
        let forgotten = self.entries.len().saturating_sub(kept);
        self.entries.drain(..forgotten);
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let members: Value = serde_json::from_slice(content).ok()?;
        (members.get("version")?.as_u64()? == VERSION).then_some(())?;
        let entries = members.get("entries")?.as_array()?.iter();
        Some(Self {
            entries: entries.map(Closed::from_json).collect::<Option<_>>()?,
        })
    }
}

fn load(
    store: &Store,
    seal: &Seal,
    set_aside: impl Fn(StateFile, &StateProblem) -> Option<std::path::PathBuf>,
) -> (Journal, Option<StateProblem>) {
    let reading = Reading {
        parse: Journal::parse,
        cap: CAP,
    };
    let (journal, problem) = load_file(store, seal, StateFile::Usage, reading, set_aside);
    let problem = problem.map(|problem| StateProblem::Journal(Box::new(problem)));
    (journal, problem)
}

#[cfg(test)]
mod tests;
