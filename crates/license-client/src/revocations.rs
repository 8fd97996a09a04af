//! The revocation lists that are kept on this machine: of each signing key the newest.
//!
//! The number of the newest list ever seen of a key is kept in the sealed state too, so that removing the file lets no older one in. It
//! belongs to the key: a stolen one can push up its own number, and no other's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use license_core::{
    Artefacts, KeyId, MAX_LIST_BYTES, ProductCode, RevocationList, TokenKind, TrustSet, VerifyError,
};

use crate::home::Home;
use crate::paths::StateFile;
use crate::problem::{ListFault, ListProblem, StaleList};
use crate::state::seen::SeenLists;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// The lists that are kept in one folder.
#[derive(Debug, Default)]
struct StoredLists {
    lists: Vec<RevocationList>,
    /// Lists of keys that are not trusted now, as they are.
    foreign: Vec<String>,
}

/// The lists of this product that verify, of the user's folder and the administrator's, and what is wrong with the others.
pub(crate) fn of_home(
    home: &Home,
    trust: &TrustSet,
    product: ProductCode,
    seen: &SeenLists,
    damaged: Damaged,
) -> (Vec<RevocationList>, Vec<ListProblem>) {
    let (mut lists, mut problems) = (Vec::new(), Vec::new());
    // Only the files of the user may be renamed.
    let places = [
        (Some(home.user()), damaged),
        (home.system(), Damaged::Leave),
    ];
    for (store, damaged) in places {
        let Some(store) = store else { continue };
        match in_store(store, trust) {
            Ok(kept) => lists.extend(kept.lists),
            Err(mut problem) => {
                if let ListProblem::Damaged { aside, .. } = &mut problem
                    && damaged == Damaged::Quarantine
                {
                    let is_damaged =
                        || matches!(in_store(store, trust), Err(ListProblem::Damaged { .. }));
                    *aside = store.quarantine(StateFile::Revocations, is_damaged);
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

/// Where less is at hand than was seen here. It is no secret from whoever removed it, but a mistake is worth telling.
fn missing(lists: &[RevocationList], trust: &TrustSet, seen: &SeenLists) -> Vec<ListProblem> {
    let of_key = |key: &KeyId| {
        let expected = seen.seq(key)?;
        let list = lists.iter().find(|list| list.key_id() == key);
        match list.map(RevocationList::seq) {
            None => Some(ListProblem::Gone {
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
    trust.iter().filter_map(|key| of_key(key.id())).collect()
}

/// Of each key the list with the highest number, in the order of the keys.
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

fn in_store(store: &Store, trust: &TrustSet) -> Result<StoredLists, ListProblem> {
    let path = store.dir().file(StateFile::Revocations);
    let damaged = |source| ListProblem::Damaged {
        path: path.clone(),
        source: Box::new(source),
        aside: None,
    };
    let bytes = match store.read(StateFile::Revocations, MAX_LIST_BYTES) {
        Ok(None) => return Ok(StoredLists::default()),
        Ok(Some(bytes)) => bytes,
        Err(StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
            return Err(damaged(ListFault::NotText));
        }
        Err(error) => return Err(ListProblem::Store(error)),
    };
    let text = String::from_utf8(bytes).map_err(|_| damaged(ListFault::NotText))?;
    verified(&text, trust).map_err(damaged)
}

fn verified(text: &str, trust: &TrustSet) -> Result<StoredLists, ListFault> {
    let artefacts = Artefacts::parse(text).map_err(ListFault::Parse)?;
    let mut kept = StoredLists::default();
    for block in artefacts.of_kind(TokenKind::Revocations) {
        match block.token.verify_revocations(trust) {
            Ok(list) => kept.lists.push(list),
            // Whoever trusted that key once may do so again.
            Err(VerifyError::UntrustedKey { .. }) => kept.foreign.push(block.token.to_armor()),
            Err(error) => return Err(ListFault::Verify(error)),
        }
    }
    Ok(kept)
}

/// Writes these lists beside those of other keys that are kept, and returns where.
pub(crate) fn write(
    lock: &StoreLock,
    store: &Store,
    trust: &TrustSet,
    lists: &[RevocationList],
) -> Result<PathBuf, StoreError> {
    // What is damaged is what one installs anew for.
    let kept = match in_store(store, trust) {
        Ok(kept) => kept,
        Err(ListProblem::Store(error)) => return Err(error),
        Err(_) => {
            lock.set_aside(StateFile::Revocations)?;
            StoredLists::default()
        }
    };
    let lists = newest([kept.lists, lists.to_vec()].concat());
    let mut text: String = lists.iter().map(RevocationList::to_armor).collect();
    for block in kept.foreign {
        // What nobody trusts now makes way if there is no room.
        if text.len() + block.len() <= MAX_LIST_BYTES {
            text.push_str(&block);
        }
    }
    lock.write(StateFile::Revocations, text.as_bytes())?;
    lock.clear_aside(&[StateFile::Revocations]);
    Ok(store.dir().file(StateFile::Revocations))
}

/// What installing a revocation list did.
#[derive(Debug, Clone)]
#[must_use]
pub struct InstalledList {
    /// The list.
    pub list: RevocationList,
    /// Where it is kept.
    pub path: PathBuf,
    /// Whether it was not installed already.
    pub is_news: bool,
}

/// Checks every list of an artefact against what was seen, in the order of their numbers, and tells which are news.
pub(crate) fn check(
    lists: &[RevocationList],
    product: ProductCode,
    mut seen: SeenLists,
    path: &Path,
) -> Result<Vec<InstalledList>, Refused> {
    let mut checked = Vec::with_capacity(lists.len());
    let mut in_order: Vec<_> = lists.iter().collect();
    in_order.sort_by_key(|list| list.seq());
    for list in in_order {
        if list.product() != product {
            let found = list.product();
            return Err(Refused::Product { found });
        }
        let is_news = seen.check(list).map_err(Refused::Stale)?;
        let _ = seen.note([list]);
        checked.push(InstalledList {
            list: list.clone(),
            path: path.to_owned(),
            is_news,
        });
    }
    Ok(checked)
}

/// Why a list is not installed.
pub(crate) enum Refused {
    Product { found: ProductCode },
    Stale(StaleList),
}

/// What was seen: what the state says, and the lists that are kept, should the state be gone.
pub(crate) fn seen_with(mut seen: SeenLists, store: &Store, trust: &TrustSet) -> SeenLists {
    if let Ok(kept) = in_store(store, trust) {
        let _ = seen.note(&kept.lists);
    }
    seen
}
