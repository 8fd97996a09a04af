//! The stored revocation lists: the newest list of each signing key.
//!
//! The sealed state also contains the number of the newest list of each key, so that an older list
//! is not accepted after the file is removed. A number belongs to one key. A stolen key can raise
//! its own number, but not the number of another key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use license_core::encoding::decode_text;
use license_core::jose::MAX_LIST_BYTES;
use license_core::license::RevocationList;
use license_core::trust::{KeyId, VerifyError};
use license_core::{LicenseFile, ProductCode, TokenKind, TrustSet};

use crate::paths::Paths;
use crate::problem::{ListFault, ListProblem, StaleList};
use crate::state::seen_lists::SeenLists;
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// The lists that are stored in one directory.
#[derive(Debug, Default)]
struct StoredLists {
    lists: Vec<RevocationList>,
    /// Lists in armor whose keys are not trusted now.
    untrusted: Vec<String>,
}

/// Returns the lists of this product that verify, and the problems with the other lists. Reads the
/// directories of the user and of the administrator.
pub(crate) fn read_all(
    paths: &Paths,
    trust: &TrustSet,
    product: ProductCode,
    seen: &SeenLists,
    damaged: Damaged,
) -> (Vec<RevocationList>, Vec<ListProblem>) {
    let (mut lists, mut problems) = (Vec::new(), Vec::new());
    // Only the files of the user may be renamed.
    let places = [
        (Some(paths.user()), damaged),
        (paths.system(), Damaged::Leave),
    ];
    for (store, damaged) in places {
        let Some(store) = store else { continue };
        match read_store(store, trust) {
            Ok(stored) => lists.extend(stored.lists),
            Err(mut problem) => {
                if let ListProblem::Damaged { quarantined, .. } = &mut problem
                    && damaged == Damaged::Quarantine
                {
                    let is_damaged =
                        || matches!(read_store(store, trust), Err(ListProblem::Damaged { .. }));
                    *quarantined = store.quarantine(StateFile::Revocations, is_damaged);
                }
                problems.push(problem);
            }
        }
    }
    lists.retain(|list| list.product() == product);
    let lists = newest(lists);
    if problems.is_empty() {
        problems.extend(missing(&lists, trust, seen));
    }
    (lists, problems)
}

/// Returns a problem for each key whose list is missing, or older than a list that was seen before.
/// A user may have removed the file by mistake.
fn missing(lists: &[RevocationList], trust: &TrustSet, seen: &SeenLists) -> Vec<ListProblem> {
    let problem_of_key = |key: &KeyId| {
        let expected = seen.seq(key)?;
        let list = lists.iter().find(|list| list.key_id() == key);
        match list.map(RevocationList::seq) {
            None => Some(ListProblem::Missing {
                key: key.clone(),
                seq: expected,
            }),
            Some(found) if found < expected => Some(ListProblem::Stale(StaleList::new(
                key.clone(),
                expected,
                found,
            ))),
            Some(_) => None,
        }
    };
    trust
        .iter()
        .filter_map(|key| problem_of_key(key.id()))
        .collect()
}

/// Returns the list with the highest number of each key, in the order of the keys.
fn newest(lists: Vec<RevocationList>) -> Vec<RevocationList> {
    let mut newest: BTreeMap<KeyId, RevocationList> = BTreeMap::new();
    for list in lists {
        let is_older = |known: &RevocationList| known.seq() >= list.seq();
        if !newest.get(list.key_id()).is_some_and(is_older) {
            newest.insert(list.key_id().clone(), list);
        }
    }
    newest.into_values().collect()
}

fn read_store(store: &Store, trust: &TrustSet) -> Result<StoredLists, ListProblem> {
    let path = store.dir().file(StateFile::Revocations);
    let damaged = |source| ListProblem::Damaged {
        path: path.clone(),
        source: Box::new(source),
        quarantined: None,
    };
    let bytes = match store.read(StateFile::Revocations, MAX_LIST_BYTES) {
        Ok(None) => return Ok(StoredLists::default()),
        Ok(Some(bytes)) => bytes,
        Err(StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
            return Err(damaged(ListFault::NotText));
        }
        Err(error) => return Err(ListProblem::Store(error)),
    };
    let text = decode_text(bytes).map_err(|error| damaged(ListFault::Text(error)))?;
    verified(&text, trust).map_err(damaged)
}

fn verified(text: &str, trust: &TrustSet) -> Result<StoredLists, ListFault> {
    let file = LicenseFile::parse(text).map_err(ListFault::Parse)?;
    let mut stored = StoredLists::default();
    for block in file.blocks_of_kind(TokenKind::Revocations) {
        match block.token.verify_revocations(trust) {
            Ok(list) => stored.lists.push(list),
            // The key may be trusted again later. Without the key, nothing shows which reading of
            // a list with long dashes is right, so this list is an error.
            Err(VerifyError::UntrustedKey { .. }) if !block.token.is_ambiguous() => {
                stored.untrusted.push(block.token.to_armor());
            }
            Err(error) => return Err(ListFault::Verify(error)),
        }
    }
    Ok(stored)
}

/// Writes these lists and the stored lists of other keys, and returns the path of the file.
pub(crate) fn write(
    lock: &StoreLock,
    store: &Store,
    trust: &TrustSet,
    lists: &[RevocationList],
) -> Result<PathBuf, StoreError> {
    // A damaged file is replaced by the new lists.
    let stored = match read_store(store, trust) {
        Ok(stored) => stored,
        Err(ListProblem::Store(error)) => return Err(error),
        Err(_) => {
            lock.quarantine(StateFile::Revocations)?;
            StoredLists::default()
        }
    };
    let lists = newest([stored.lists, lists.to_vec()].concat());
    let mut text: String = lists.iter().map(RevocationList::to_armor).collect();
    for block in stored.untrusted {
        // Lists of untrusted keys are dropped if there is no room for them.
        if text.len() + block.len() <= MAX_LIST_BYTES {
            text.push_str(&block);
        }
    }
    lock.write(StateFile::Revocations, text.as_bytes())?;
    lock.clear_quarantine(&[StateFile::Revocations]);
    Ok(store.dir().file(StateFile::Revocations))
}

/// Result of installing a revocation list.
///
/// ```
/// use license_client::InstallReport;
///
/// /// Returns the numbers of the lists that were not installed before.
/// fn new_lists(report: &InstallReport) -> Vec<u64> {
///     let new = report.lists.iter().filter(|list| list.is_new);
///     new.map(|list| list.list.seq()).collect()
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct InstalledList {
    /// The list.
    pub list: RevocationList,
    /// The file that contains the list.
    pub path: PathBuf,
    /// Whether the list was not installed before.
    pub is_new: bool,
}

/// Compares the lists of an artifact with the lists that were seen before. Checks them in ascending
/// order of their numbers, and returns for each list whether it is new.
pub(crate) fn check(
    lists: &[RevocationList],
    product: ProductCode,
    mut seen: SeenLists,
    path: &Path,
) -> Result<Vec<InstalledList>, ListRefusal> {
    let mut checked = Vec::with_capacity(lists.len());
    let mut in_order: Vec<_> = lists.iter().collect();
    in_order.sort_by_key(|list| list.seq());
    for list in in_order {
        if list.product() != product {
            let found = list.product();
            return Err(ListRefusal::OtherProduct { found });
        }
        let is_new = seen.check(list).map_err(ListRefusal::Stale)?;
        let _ = seen.record([list]);
        checked.push(InstalledList {
            list: list.clone(),
            path: path.to_owned(),
            is_new,
        });
    }
    Ok(checked)
}

/// The reason why a list is not installed.
pub(crate) enum ListRefusal {
    OtherProduct { found: ProductCode },
    Stale(StaleList),
}

/// Adds the stored lists to the lists that were seen, in case the state was lost.
pub(crate) fn with_stored(mut seen: SeenLists, store: &Store, trust: &TrustSet) -> SeenLists {
    if let Ok(stored) = read_store(store, trust) {
        let _ = seen.record(&stored.lists);
    }
    seen
}
