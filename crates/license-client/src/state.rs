//! What a machine remembers: the high-water mark, what was used of quotas today, and the latest validation tokens.
//!
//! All of it is kept twice, in `license.cache` and in `quota`, so that whoever removes one of the two gains nothing. So is what was counted
//! for usage reports since the last entry was written to `usage`.

pub(crate) mod seen;

use std::path::PathBuf;

use license_core::usage_report::{Closed, Period};
use license_core::{HighWater, LicenseId, MAX_FILE_BYTES, Nonce, Tally};
use serde_json::{Value, json};

use self::seen::SeenLists;
use crate::hex;
use crate::paths::StateFile;
use crate::problem::StateProblem;
use crate::sealed::{Seal, SealError};
use crate::store::{Store, StoreError, StoreLock};

/// The format of what is sealed.
const VERSION: u64 = 1;

/// What a machine remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) high_water: HighWater,
    pub(crate) tally: Tally,
    /// Each in armor.
    pub(crate) validations: Vec<String>,
    /// What was counted since the last entry of the usage report.
    pub(crate) period: Option<Period>,
    /// Entries that are closed and may not be in the journal yet.
    pub(crate) closed: Vec<Closed>,
    /// The newest revocation list of each signing key.
    pub(crate) lists: SeenLists,
    /// Licenses that were given up here, each by the nonce of its activation.
    pub(crate) given_up: Vec<(LicenseId, Nonce)>,
    /// The clock repairs that were used.
    pub(crate) repaired: Vec<Nonce>,
}

/// Whether what is written must outlive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It must.
    PowerLoss,
    /// The end of the process is enough.
    Process,
}

/// The state is not in both of its files.
#[derive(Debug)]
pub(crate) struct Unsaved {
    pub(crate) source: StoreError,
    /// It is in one, so that what it counts must not be counted again.
    pub(crate) is_in_one: bool,
}

impl From<Unsaved> for StoreError {
    fn from(unsaved: Unsaved) -> Self {
        unsaved.source
    }
}

const FILES: [StateFile; 2] = [StateFile::Cache, StateFile::Quota];

/// What was read, and whether it is all there is.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    pub(crate) problems: Vec<StateProblem>,
    /// A file is there that can't be read for now: what is written in its place would lose it.
    pub(crate) is_partial: bool,
}

/// The most that is kept of validation tokens, in bytes: with seal and JSON it stays below what is read.
const MAX_VALIDATIONS: usize = MAX_FILE_BYTES;

impl State {
    /// What both files know together. Needs no lock; what can't be used is set aside if that is possible, and told.
    pub(crate) fn load(store: &Store, seal: &Seal) -> Loaded {
        load_with(store, seal, |file, problem| {
            let lock = store.lock_within(std::time::Duration::ZERO).ok()?;
            // Somebody may have written another in the meantime.
            read(store, seal, file, &State::of_copy()).err()?;
            put_aside(&lock, file, problem)
        })
    }

    /// The same for who holds the lock.
    pub(crate) fn load_locked(lock: &StoreLock, store: &Store, seal: &Seal) -> Loaded {
        load_with(store, seal, |file, problem| put_aside(lock, file, problem))
    }

    /// What both files know together, with everything left as it is: what can't be used is told.
    pub(crate) fn inspect(store: &Store, seal: &Seal) -> Loaded {
        load_with(store, seal, |_, _| None)
    }

    /// Writes both files. The counts are safe once the second stands: whoever dies before it has acknowledged nothing.
    pub(crate) fn save(
        &self,
        lock: &StoreLock,
        seal: &Seal,
        cache: Durability,
        quota: Durability,
    ) -> Result<(), Unsaved> {
        let mut is_in_one = false;
        for (file, durability) in [(StateFile::Cache, cache), (StateFile::Quota, quota)] {
            let content = self.to_json().to_string();
            let sealed = seal.seal(file, content.as_bytes());
            let sealed = sealed.map_err(|source| lock.unwritable(file, source));
            let written = sealed.and_then(|sealed| match durability {
                Durability::PowerLoss => lock.write(file, &sealed),
                Durability::Process => lock.write_unsynced(file, &sealed),
            });
            written.map_err(|source| Unsaved { source, is_in_one })?;
            is_in_one = true;
        }
        Ok(())
    }

    /// What two copies know together.
    pub(crate) fn merged(self, other: Self) -> Self {
        let period = match (self.period, other.period) {
            (Some(one), Some(two)) => Some(one.merged(two)),
            (one, two) => one.or(two),
        };
        Self {
            high_water: self.high_water.merged(other.high_water),
            tally: self.tally.merged(other.tally),
            validations: united(self.validations, other.validations),
            period,
            closed: united(self.closed, other.closed),
            lists: self.lists.merged(other.lists),
            given_up: united(self.given_up, other.given_up),
            repaired: united(self.repaired, other.repaired),
        }
    }

    /// Keeps these tokens, in this order: of too many the last are left out.
    pub(crate) fn keep(&mut self, validations: impl IntoIterator<Item = String>) {
        let mut bytes = 0;
        let fits = |block: &String| {
            bytes += block.len();
            bytes <= MAX_VALIDATIONS
        };
        self.validations = validations.into_iter().take_while(fits).collect();
    }

    fn to_json(&self) -> Value {
        json!({
            "version": VERSION,
            "high_water": self.high_water.to_json(),
            "tally": self.tally.to_json(),
            "validations": self.validations,
            "usage": self.period.as_ref().map(Period::to_json),
            "usage_closed": self.closed.iter().map(Closed::to_json).collect::<Value>(),
            "lists": self.lists.to_json(),
            "given_up": self.given_up.iter().map(|(license, nonce)| json!([license.as_str(), nonce.to_string()])).collect::<Value>(),
            "repaired": self.repaired.iter().map(Nonce::to_string).collect::<Value>(),
        })
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let members: Value = serde_json::from_slice(content).ok()?;
        (members.get("version")?.as_u64()? == VERSION).then_some(())?;
        let validations = members.get("validations")?.as_array()?.iter();
        let validations = validations.map(|block| block.as_str().map(str::to_owned));
        Some(Self {
            high_water: HighWater::from_json(members.get("high_water")?)?,
            tally: Tally::from_json(members.get("tally")?)?,
            validations: validations.collect::<Option<_>>()?,
            // Usage counts that cannot be read stop nothing.
            period: members.get("usage").and_then(Period::from_json),
            closed: optional(&members, "usage_closed", closed_of).unwrap_or_default(),
            lists: optional(&members, "lists", SeenLists::from_json)?,
            given_up: optional(&members, "given_up", given_up_of)?,
            repaired: optional(&members, "repaired", repaired_of)?,
        })
    }
}

/// Both, each entry once.
fn united<T: PartialEq>(mut one: Vec<T>, other: Vec<T>) -> Vec<T> {
    for entry in other {
        if !one.contains(&entry) {
            one.push(entry);
        }
    }
    one
}

/// Returns a member that an older program did not write. `None` stands for one that is malformed:
/// to take it for an empty one would bring a deactivated license back.
fn optional<T: Default>(
    members: &Value,
    name: &str,
    parse: impl FnOnce(&Value) -> Option<T>,
) -> Option<T> {
    members.get(name).map_or_else(|| Some(T::default()), parse)
}

fn given_up_of(entries: &Value) -> Option<Vec<(LicenseId, Nonce)>> {
    let entry = |entry: &Value| {
        let license = LicenseId::parse(entry.get(0)?.as_str()?)?;
        Some((license, Nonce::parse(entry.get(1)?.as_str()?)?))
    };
    entries.as_array()?.iter().map(entry).collect()
}

fn repaired_of(nonces: &Value) -> Option<Vec<Nonce>> {
    let nonces = nonces.as_array()?.iter();
    nonces.map(|nonce| Nonce::parse(nonce.as_str()?)).collect()
}

fn closed_of(closed: &Value) -> Option<Vec<Closed>> {
    closed.as_array()?.iter().map(Closed::from_json).collect()
}

fn load_with(
    store: &Store,
    seal: &Seal,
    set_aside: impl Fn(StateFile, &StateProblem) -> Option<PathBuf>,
) -> Loaded {
    let mut loaded = Loaded::default();
    for file in FILES {
        let (state, problem) = load_file(store, seal, file, State::of_copy(), &set_aside);
        let is_unreadable = matches!(problem, Some(StateProblem::Store(_)));
        loaded.is_partial |= is_unreadable;
        loaded.problems.extend(problem);
        loaded.state = loaded.state.merged(state);
    }
    loaded
}

/// How the content of a sealed file is read, and how large the file may be.
pub(crate) struct Reading<T> {
    pub(crate) parse: fn(&[u8]) -> Option<T>,
    pub(crate) cap: usize,
}

/// What is counted for usage reports takes no more: 8 licenses of some 25 KiB each at most, and 15 closed entries that wait, of some 60 KiB.
const MAX_USAGE: usize = 1 << 20;

impl State {
    /// Sealing and JSON's escapes make it larger than what it holds.
    fn of_copy() -> Reading<Self> {
        Reading {
            parse: Self::parse,
            cap: 2 * MAX_FILE_BYTES + MAX_USAGE,
        }
    }
}

/// What a sealed file holds, and what is wrong with it. What can't be used is set aside by whoever can.
pub(crate) fn load_file<T: Default>(
    store: &Store,
    seal: &Seal,
    file: StateFile,
    reading: Reading<T>,
    set_aside: impl Fn(StateFile, &StateProblem) -> Option<PathBuf>,
) -> (T, Option<StateProblem>) {
    let left_here = || left_here(store, seal, file, &reading).unwrap_or_default();
    let mut problem = match read(store, seal, file, &reading) {
        Ok(Some(content)) => return (content, None),
        // Whoever put another machine's file aside may have died before this one's was back.
        Ok(None) => return (left_here(), None),
        Err(problem) => problem,
    };
    let mut content = T::default();
    if let StateProblem::Sealed { .. } = problem {
        let moved = set_aside(file, &problem);
        if let (StateProblem::Sealed { source, .. }, Some(_)) = (&problem, &moved)
            && let SealError::OtherMachine { .. } = source
        {
            // What this machine had left here before, when the other one took over.
            content = left_here();
        }
        if let StateProblem::Sealed { aside, .. } = &mut problem {
            *aside = moved;
        }
    }
    (content, Some(problem))
}

/// Puts a file aside: one of another machine under that machine's name, so that it finds it again and no more than one of each machine
/// is kept.
pub(crate) fn put_aside(
    lock: &StoreLock,
    file: StateFile,
    problem: &StateProblem,
) -> Option<PathBuf> {
    match problem {
        StateProblem::Sealed {
            source: SealError::OtherMachine { machine },
            ..
        } => lock.rename(file, &of_machine(file, machine)).ok(),
        _ => lock.set_aside(file).ok(),
    }
}

/// What this machine had left in the folder before another one took over. It is read from there until the next write, and is then older
/// than what was written.
fn left_here<T>(store: &Store, seal: &Seal, file: StateFile, reading: &Reading<T>) -> Option<T> {
    let path = store.dir().path().join(of_machine(file, seal.machine()));
    let sealed = std::fs::read(&path).ok()?;
    (reading.parse)(&seal.open(file, &sealed).ok()?)
}

fn of_machine(file: StateFile, machine: &[u8]) -> String {
    format!("{}.machine-{}", file.name(), hex::encode(machine))
}

fn read<T>(
    store: &Store,
    seal: &Seal,
    file: StateFile,
    reading: &Reading<T>,
) -> Result<Option<T>, StateProblem> {
    let not_sealed = || StateProblem::Sealed {
        path: store.dir().file(file),
        source: SealError::NotSealed,
        aside: None,
    };
    let sealed = match store.read(file, reading.cap) {
        Ok(Some(sealed)) => sealed,
        Ok(None) => return Ok(None),
        Err(StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => return Err(not_sealed()),
        Err(error) => return Err(StateProblem::Store(error)),
    };
    let opened = seal.open(file, &sealed);
    let content = opened.and_then(|content| (reading.parse)(&content).ok_or(SealError::NotSealed));
    content.map(Some).map_err(|source| StateProblem::Sealed {
        path: store.dir().file(file),
        source,
        aside: None,
    })
}

#[cfg(test)]
mod tests;
