//! The state of a machine: the clock's high-water mark, the quota counters of today, and the latest
//! validation tokens.
//!
//! The state is stored twice, in `license.cache` and in `quota`, so that removing one of the two
//! files gives no advantage. Both files also contain the usage counts since the last entry in the
//! file `usage`.

pub(crate) mod recorded_revocations;
pub(crate) mod seen_lists;

use std::collections::HashSet;
use std::hash::Hash;

use license_core::LicenseId;
use license_core::ids::{Commitment, Nonce};
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::RevocationList;
use license_core::state::{ClockHighWater, QuotaCounters};
use license_core::usage::{ClosedEntry, OpenPeriod};
use serde_json::{Value, json};

use self::recorded_revocations::RecordedRevocations;
use self::seen_lists::SeenLists;
use crate::problem::StateProblem;
use crate::seal::Seal;
use crate::sealed_file::{self, Document, Durability};
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// The state of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) high_water: ClockHighWater,
    pub(crate) quota_counters: QuotaCounters,
    /// Validation tokens in armor.
    pub(crate) validations: Vec<String>,
    /// Usage counts since the last entry of the usage report.
    pub(crate) period: Option<OpenPeriod>,
    /// Closed entries that may not be in the journal yet.
    pub(crate) closed: Vec<ClosedEntry>,
    /// The newest revocation list of each signing key.
    pub(crate) lists: SeenLists,
    /// The revocations of licenses and activations that were installed here.
    pub(crate) recorded: RecordedRevocations,
    /// Deactivated licenses, each with the nonce of its activation.
    pub(crate) deactivated: Vec<(LicenseId, Nonce)>,
    /// The nonces of the clock repairs that were installed.
    pub(crate) repaired: Vec<Nonce>,
    /// The commitments of the borrowed seats that were returned early.
    pub(crate) returned: Vec<Commitment>,
}

/// The reason why the state could not be written to both files.
#[derive(Debug)]
pub(crate) struct Unsaved {
    pub(crate) source: StoreError,
    /// Whether the state was written to one of the files. In that case, its counts must not be
    /// counted again.
    pub(crate) is_in_one_file: bool,
}

impl From<Unsaved> for StoreError {
    fn from(unsaved: Unsaved) -> Self {
        unsaved.source
    }
}

const FILES: [StateFile; 2] = [StateFile::Cache, StateFile::Quota];

/// The state that was read, and the problems with its files.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    pub(crate) problems: Vec<StateProblem>,
    /// Whether a file exists but cannot be read now. A write would lose the content of this file.
    pub(crate) is_partial: bool,
}

/// Maximum size of the stored validation tokens in bytes. Within this limit, the sealed JSON stays
/// below [`State::CAP`].
const MAX_VALIDATIONS: usize = MAX_FILE_BYTES;

/// Maximum size of the usage counts in bytes: at most 8 licenses of about 25 KiB each, and 15
/// waiting closed entries of about 60 KiB each.
const MAX_USAGE: usize = 1 << 20;

/// Maximum size of the recorded revocations in bytes: about 200 of at most 1.4 KiB each.
const MAX_RECORDED: usize = MAX_FILE_BYTES;

impl State {
    /// Reads both files and merges them. A file that cannot be used is quarantined only if the lock
    /// is free.
    pub(crate) fn load(store: &Store, seal: &Seal, damaged: Damaged) -> Loaded {
        Loaded::from_files(|file| sealed_file::load(store, seal, file, damaged))
    }

    /// Reads both files under the lock and merges them. A file that cannot be used is quarantined.
    pub(crate) fn load_locked(lock: &StoreLock, store: &Store, seal: &Seal) -> Loaded {
        Loaded::from_files(|file| sealed_file::load_locked(lock, store, seal, file))
    }

    /// Writes both files. The counts are durable once the second file is written. A process that
    /// crashes before then has not acknowledged the counts.
    pub(crate) fn save(
        &self,
        lock: &StoreLock,
        seal: &Seal,
        cache: Durability,
        quota: Durability,
    ) -> Result<(), Unsaved> {
        let save = |file, durability| sealed_file::save(self, lock, seal, file, durability);
        let unsaved = |is_in_one_file| {
            move |source| Unsaved {
                source,
                is_in_one_file,
            }
        };
        save(StateFile::Cache, cache).map_err(unsaved(false))?;
        save(StateFile::Quota, quota).map_err(unsaved(true))
    }

    /// Combines two copies of the state.
    pub(crate) fn merged(self, other: Self) -> Self {
        let period = match (self.period, other.period) {
            (Some(one), Some(two)) => Some(one.merged(two)),
            (one, two) => one.or(two),
        };
        let recorded = self
            .recorded
            .merged(&self.lists, other.recorded, &other.lists);
        Self {
            high_water: self.high_water.merged(other.high_water),
            quota_counters: self.quota_counters.merged(other.quota_counters),
            validations: union(self.validations, other.validations),
            period,
            closed: union(self.closed, other.closed),
            lists: self.lists.merged(other.lists),
            recorded,
            deactivated: union(self.deactivated, other.deactivated),
            repaired: union(self.repaired, other.repaired),
            returned: union(self.returned, other.returned),
        }
    }

    /// Records the numbers of these lists, and what they say about the licenses and activations
    /// that are installed. Returns whether this changes the state.
    pub(crate) fn record_lists<'l>(
        &mut self,
        lists: impl IntoIterator<Item = &'l RevocationList>,
        installed: &[LicenseId],
    ) -> bool {
        let mut is_changed = false;
        for list in lists {
            is_changed |= self.lists.record([list]);
            // An older list, which a user has restored by hand, must not lift anything.
            if self.lists.seq(list.key_id()) == Some(list.seq()) {
                is_changed |= self.recorded.record(list, installed);
            }
        }
        is_changed
    }

    /// Stores these tokens in this order. Drops the last tokens, if all tokens together exceed the
    /// limit.
    pub(crate) fn set_validations(&mut self, validations: impl IntoIterator<Item = String>) {
        let mut bytes = 0;
        let fits = |block: &String| {
            bytes += block.len();
            bytes <= MAX_VALIDATIONS
        };
        self.validations = validations.into_iter().take_while(fits).collect();
    }
}

impl Document for State {
    const VERSION: u64 = 1;
    const CAP: usize = 2 * MAX_FILE_BYTES + MAX_USAGE + MAX_RECORDED;

    fn to_json(&self) -> Value {
        json!({
            "high_water": self.high_water.to_json(),
            "tally": self.quota_counters.to_json(),
            "validations": self.validations,
            "usage": self.period.as_ref().map(OpenPeriod::to_json),
            "usage_closed": self.closed.iter().map(ClosedEntry::to_json).collect::<Value>(),
            "lists": self.lists.to_json(),
            "revoked": self.recorded.to_json(),
            "given_up": self.deactivated.iter().map(|(license, nonce)| json!([license.as_str(), nonce.to_string()])).collect::<Value>(),
            "repaired": self.repaired.iter().map(Nonce::to_string).collect::<Value>(),
            "returned": self.returned.iter().map(Commitment::to_string).collect::<Value>(),
        })
    }

    fn parse(members: &Value) -> Option<Self> {
        let validations = members.get("validations")?.as_array()?.iter();
        let validations = validations.map(|block| block.as_str().map(str::to_owned));
        Some(Self {
            high_water: ClockHighWater::from_json(members.get("high_water")?)?,
            quota_counters: QuotaCounters::from_json(members.get("tally")?)?,
            validations: validations.collect::<Option<_>>()?,
            // Unreadable usage counts do not prevent other work.
            period: members.get("usage").and_then(OpenPeriod::from_json),
            closed: optional(members, "usage_closed", parse_closed).unwrap_or_default(),
            lists: optional(members, "lists", SeenLists::from_json)?,
            recorded: optional(members, "revoked", RecordedRevocations::from_json)?,
            deactivated: optional(members, "given_up", parse_deactivated)?,
            repaired: optional(members, "repaired", parse_repaired)?,
            returned: optional(members, "returned", parse_commitments)?,
        })
    }
}

/// Returns the entries of `one`, and those of `other` that `one` does not have.
fn union<T: Eq + Hash>(mut one: Vec<T>, other: Vec<T>) -> Vec<T> {
    let known: HashSet<&T> = one.iter().collect();
    let is_new = |entry: &T| !known.contains(entry);
    let new: Vec<T> = other.into_iter().filter(is_new).collect();
    one.extend(new);
    one
}

/// Parses a member that an older program did not write. Returns an empty value if the member is
/// missing, and `None` if it is malformed. A malformed member must not count as empty, because that
/// would reactivate a deactivated license.
fn optional<T: Default>(
    members: &Value,
    name: &str,
    parse: impl FnOnce(&Value) -> Option<T>,
) -> Option<T> {
    members.get(name).map_or_else(|| Some(T::default()), parse)
}

fn parse_deactivated(entries: &Value) -> Option<Vec<(LicenseId, Nonce)>> {
    let entry = |entry: &Value| {
        let license = LicenseId::parse(entry.get(0)?.as_str()?)?;
        Some((license, Nonce::parse(entry.get(1)?.as_str()?)?))
    };
    entries.as_array()?.iter().map(entry).collect()
}

fn parse_repaired(nonces: &Value) -> Option<Vec<Nonce>> {
    let nonces = nonces.as_array()?.iter();
    nonces.map(|nonce| Nonce::parse(nonce.as_str()?)).collect()
}

fn parse_commitments(commitments: &Value) -> Option<Vec<Commitment>> {
    let commitments = commitments.as_array()?.iter();
    let parse = |commitment: &Value| Commitment::parse(commitment.as_str()?);
    commitments.map(parse).collect()
}

fn parse_closed(closed: &Value) -> Option<Vec<ClosedEntry>> {
    closed
        .as_array()?
        .iter()
        .map(ClosedEntry::from_json)
        .collect()
}

impl Loaded {
    fn from_files(load: impl Fn(StateFile) -> (State, Option<StateProblem>)) -> Self {
        let mut loaded = Self::default();
        for file in FILES {
            let (state, problem) = load(file);
            loaded.is_partial |= matches!(problem, Some(StateProblem::Store(_)));
            loaded.problems.extend(problem);
            loaded.state = loaded.state.merged(state);
        }
        loaded
    }
}

#[cfg(test)]
mod tests;
