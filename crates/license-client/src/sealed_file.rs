//! Sealed files in the state directory, each with one JSON document.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::problem::StateProblem;
use crate::seal::{Seal, SealError};
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError, StoreLock};
use license_core::encoding::hex;

/// The content of a sealed file.
pub(crate) trait Document: Default {
    /// The format version, which the member `version` contains. A file with another version is not
    /// used.
    const VERSION: u64;

    /// Maximum size of the file in bytes. Sealing and JSON escapes make a file larger than its
    /// content.
    const CAP: usize;

    /// Parses the document from its members. Returns `None` if a member is missing or malformed.
    fn parse(members: &Value) -> Option<Self>;

    /// Returns the members without the version.
    fn to_json(&self) -> Value;
}

/// Whether a write must survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The write must survive a loss of power.
    PowerLoss,
    /// The write must only survive the end of the process.
    Process,
}

/// Reads a file without the lock. A file that cannot be used is quarantined only if the lock is
/// free.
pub(crate) fn load<T: Document>(
    store: &Store,
    seal: &Seal,
    file: StateFile,
    damaged: Damaged,
) -> (T, Option<StateProblem>) {
    load_with(store, seal, file, |problem| {
        if damaged == Damaged::Leave {
            return None;
        }
        let lock = store.lock_within(Duration::ZERO).ok()?;
        // Another process may have written a usable file in the meantime.
        read::<T>(store, seal, file).err()?;
        quarantine(&lock, file, problem)
    })
}

/// Reads a file under the lock. A file that cannot be used is quarantined.
pub(crate) fn load_locked<T: Document>(
    lock: &StoreLock,
    store: &Store,
    seal: &Seal,
    file: StateFile,
) -> (T, Option<StateProblem>) {
    load_with(store, seal, file, |problem| quarantine(lock, file, problem))
}

/// Replaces a file.
///
/// # Errors
///
/// Returns [`StoreError`] if the file cannot be sealed or written.
pub(crate) fn save<T: Document>(
    document: &T,
    lock: &StoreLock,
    seal: &Seal,
    file: StateFile,
    durability: Durability,
) -> Result<(), StoreError> {
    let content = to_json(document).to_string();
    let sealed = seal.seal(file, content.as_bytes());
    let sealed = sealed.map_err(|source| lock.unwritable(file, source))?;
    match durability {
        Durability::PowerLoss => lock.write(file, &sealed),
        Durability::Process => lock.write_unsynced(file, &sealed),
    }
}

/// Returns the content of a file: the version, and the members of the document.
pub(crate) fn to_json<T: Document>(document: &T) -> Value {
    #[derive(Serialize)]
    struct Versioned {
        version: u64,
        #[serde(flatten)]
        members: Value,
    }
    json!(Versioned {
        version: T::VERSION,
        members: document.to_json(),
    })
}

fn load_with<T: Document>(
    store: &Store,
    seal: &Seal,
    file: StateFile,
    quarantine: impl Fn(&StateProblem) -> Option<PathBuf>,
) -> (T, Option<StateProblem>) {
    let own = || read_own_copy(store, seal, file).unwrap_or_default();
    let mut problem = match read(store, seal, file) {
        Ok(Some(document)) => return (document, None),
        // A process that quarantined another machine's file may have crashed before it restored
        // this machine's file.
        Ok(None) => return (own(), None),
        Err(problem) => problem,
    };
    let mut document = T::default();
    if let StateProblem::Sealed { .. } = problem {
        let moved = quarantine(&problem);
        if let StateProblem::Sealed {
            source,
            quarantined,
            ..
        } = &mut problem
        {
            if moved.is_some() && matches!(source, SealError::OtherMachine { .. }) {
                document = own();
            }
            *quarantined = moved;
        }
    }
    (document, Some(problem))
}

/// Quarantines a file that cannot be used. A file of another machine gets a name that identifies
/// that machine. The machine can then find its file again, and there is at most one such file for
/// each machine.
fn quarantine(lock: &StoreLock, file: StateFile, problem: &StateProblem) -> Option<PathBuf> {
    match problem {
        StateProblem::Sealed {
            source: SealError::OtherMachine { machine },
            ..
        } => lock.rename(file, &name_for(file, machine)).ok(),
        _ => lock.quarantine(file).ok(),
    }
}

/// Reads the file that this machine wrote before another machine used the directory. The content is
/// used until the next write.
fn read_own_copy<T: Document>(store: &Store, seal: &Seal, file: StateFile) -> Option<T> {
    let sealed = store.read_copy(&name_for(file, seal.machine()), T::CAP)?;
    parse(&seal.open(file, &sealed).ok()?)
}

fn name_for(file: StateFile, machine: &[u8]) -> String {
    format!("{}.machine-{}", file.as_str(), hex::encode(machine))
}

fn read<T: Document>(
    store: &Store,
    seal: &Seal,
    file: StateFile,
) -> Result<Option<T>, StateProblem> {
    let sealed_problem = |source| StateProblem::Sealed {
        path: store.dir().file(file),
        source,
        quarantined: None,
    };
    let sealed = match store.read(file, T::CAP) {
        Ok(Some(sealed)) => sealed,
        Ok(None) => return Ok(None),
        Err(StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
            return Err(sealed_problem(SealError::NotSealed));
        }
        Err(error) => return Err(StateProblem::Store(error)),
    };
    let content = seal.open(file, &sealed).map_err(sealed_problem)?;
    let document = parse(&content).ok_or_else(|| sealed_problem(SealError::NotSealed))?;
    Ok(Some(document))
}

pub(crate) fn parse<T: Document>(content: &[u8]) -> Option<T> {
    let members: Value = serde_json::from_slice(content).ok()?;
    let version = members.get("version")?.as_u64()?;
    if version != T::VERSION {
        return None;
    }
    T::parse(&members)
}
