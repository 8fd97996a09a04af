//! What a machine remembers: the high-water mark, what was used of quotas today, and the latest validation tokens.
//!
//! Mark and counts are kept twice, in `license.cache` and in `quota`, so that whoever removes one of the two gains nothing.

use std::fmt;
use std::path::{Path, PathBuf};

use license_core::{HighWater, MAX_FILE_BYTES, Tally};
use serde_json::{Value, json};

use crate::home::StateFile;
use crate::sealed::{Seal, SealError};
use crate::store::{Store, StoreError, StoreLock};

/// The format of what is sealed.
const VERSION: u64 = 1;

/// What a machine remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) high_water: HighWater,
    pub(crate) tally: Tally,
    /// In armor.
    pub(crate) validations: String,
}

/// Whether what is written must outlive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It must.
    PowerLoss,
    /// The end of the process is enough.
    Process,
}

/// Why a file of what the machine remembers is of no use.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateProblem {
    /// It can't be opened.
    Sealed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SealError,
        /// Where it was put aside to; none where nothing can be written.
        aside: Option<PathBuf>,
    },
    /// It can't be read.
    Store(StoreError),
    /// Nothing can be kept: what is counted is forgotten when the program ends.
    NotKept(StoreError),
}

impl fmt::Display for StateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed { path, aside, .. } => {
                write!(f, "{} can't be used", path.display())?;
                aside_to(aside.as_deref(), f)
            }
            Self::Store(_) => f.write_str("what this machine remembers can't be read"),
            Self::NotKept(_) => f.write_str("nothing can be kept on this machine"),
        }
    }
}

/// `, and was set aside as …`, where it was.
pub(crate) fn aside_to(aside: Option<&Path>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match aside {
        Some(aside) => write!(f, ", and was set aside as {}", aside.display()),
        None => Ok(()),
    }
}

impl std::error::Error for StateProblem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sealed { source, .. } => Some(source),
            Self::Store(source) | Self::NotKept(source) => Some(source),
        }
    }
}

const FILES: [StateFile; 2] = [StateFile::Cache, StateFile::Quota];

impl State {
    /// What both files know together. Needs no lock; what can't be used is set aside if that is possible, and told.
    pub(crate) fn load(store: &Store, seal: &Seal) -> (Self, Vec<StateProblem>) {
        Self::load_with(store, seal, |file| {
            let lock = store.lock_within(std::time::Duration::ZERO).ok()?;
            // Somebody may have written another in the meantime.
            read(store, seal, file).err()?;
            lock.set_aside(file).ok()
        })
    }

    /// What both files know together, with everything left as it is: what can't be used is told.
    pub(crate) fn inspect(store: &Store, seal: &Seal) -> (Self, Vec<StateProblem>) {
        Self::load_with(store, seal, |_| None)
    }

    fn load_with(
        store: &Store,
        seal: &Seal,
        set_aside: impl Fn(StateFile) -> Option<PathBuf>,
    ) -> (Self, Vec<StateProblem>) {
        let mut problems = Vec::new();
        let states = FILES.map(|file| match read(store, seal, file) {
            Ok(state) => state.unwrap_or_default(),
            Err(StateProblem::Sealed { path, source, .. }) => {
                let aside = set_aside(file);
                problems.push(StateProblem::Sealed {
                    path,
                    source,
                    aside,
                });
                Self::default()
            }
            Err(problem) => {
                problems.push(problem);
                Self::default()
            }
        });
        let [cache, quota] = states;
        (cache.merged(quota), problems)
    }

    /// The same for who holds the lock.
    pub(crate) fn load_locked(
        lock: &StoreLock,
        store: &Store,
        seal: &Seal,
    ) -> (Self, Vec<StateProblem>) {
        Self::load_with(store, seal, |file| lock.set_aside(file).ok())
    }

    /// Writes both files. The counts are safe once the second stands: whoever dies before it has acknowledged nothing.
    pub(crate) fn save(
        &self,
        lock: &StoreLock,
        seal: &Seal,
        cache: Durability,
        quota: Durability,
    ) -> Result<(), StoreError> {
        for (file, durability) in [(StateFile::Cache, cache), (StateFile::Quota, quota)] {
            let content = self.to_json(file).to_string();
            let sealed = seal.seal(file, content.as_bytes());
            let sealed = sealed.map_err(|source| lock.unwritable(file, source))?;
            match durability {
                Durability::PowerLoss => lock.write(file, &sealed)?,
                Durability::Process => lock.write_unsynced(file, &sealed)?,
            }
        }
        Ok(())
    }

    fn merged(self, other: Self) -> Self {
        let validations = if self.validations.is_empty() {
            other.validations
        } else {
            self.validations
        };
        Self {
            high_water: self.high_water.merged(other.high_water),
            tally: self.tally.merged(other.tally),
            validations,
        }
    }

    fn to_json(&self, file: StateFile) -> Value {
        let mut members = json!({
            "version": VERSION,
            "high_water": self.high_water.to_json(),
            "tally": self.tally.to_json(),
        });
        if let (StateFile::Cache, Some(members)) = (file, members.as_object_mut()) {
            let validations = self.validations.as_str().into();
            members.insert("validations".to_owned(), validations);
        }
        members
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let members: Value = serde_json::from_slice(content).ok()?;
        let validations = members.get("validations").and_then(Value::as_str);
        (members.get("version")?.as_u64()? == VERSION).then_some(())?;
        Some(Self {
            high_water: HighWater::from_json(members.get("high_water")?)?,
            tally: Tally::from_json(members.get("tally")?)?,
            validations: validations.unwrap_or_default().to_owned(),
        })
    }
}

fn read(store: &Store, seal: &Seal, file: StateFile) -> Result<Option<State>, StateProblem> {
    // Sealing and JSON's escapes make it larger than what it holds.
    let sealed = store.read(file, 2 * MAX_FILE_BYTES);
    let Some(sealed) = sealed.map_err(StateProblem::Store)? else {
        return Ok(None);
    };
    let opened = seal.open(file, &sealed);
    let state = opened.and_then(|content| State::parse(&content).ok_or(SealError::NotSealed));
    state.map(Some).map_err(|source| StateProblem::Sealed {
        path: store.dir().file(file),
        source,
        aside: None,
    })
}

#[cfg(test)]
mod tests;
