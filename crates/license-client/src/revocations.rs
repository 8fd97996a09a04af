//! The revocation lists that are kept on this machine: of each signing key the newest.
//!
//! The number of the newest list ever seen of a key is kept in the sealed state too, so that removing the file lets no older one in. It
//! belongs to the key: a stolen one can push up its own number, and no other's.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use license_core::{
    Artefacts, Code, KeyId, MAX_LIST_BYTES, ParseError, ProductCode, RevocationList, TokenKind,
    TrustSet, VerifyError,
};
use serde_json::{Value, json};

use crate::state::aside_to;
use crate::{Home, StateFile, Store, StoreError, StoreLock};

/// The newest list of each key that was seen here, by key id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    keys: BTreeMap<String, Newest>,
}

/// The number of a list, and what tells it from another of that number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Newest {
    seq: u64,
    digest: String,
}

impl Newest {
    fn of(list: &RevocationList) -> Self {
        let digest = list.digest();
        Self {
            seq: list.seq(),
            digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

impl Seen {
    /// What two copies know together.
    pub(crate) fn merged(mut self, other: Self) -> Self {
        for (key, newest) in other.keys {
            self.raise(key, newest);
        }
        self
    }

    fn raise(&mut self, key: String, newest: Newest) {
        let known = self.keys.entry(key).or_insert_with(|| newest.clone());
        if newest.seq > known.seq {
            *known = newest;
        }
    }

    /// Takes note of lists, and tells whether that was news.
    pub(crate) fn note<'l>(&mut self, lists: impl IntoIterator<Item = &'l RevocationList>) -> bool {
        let before = self.clone();
        for list in lists {
            self.raise(list.key_id().as_str().to_owned(), Newest::of(list));
        }
        *self != before
    }

    /// The highest number of a key.
    fn seq(&self, key: &KeyId) -> Option<u64> {
        Some(self.keys.get(key.as_str())?.seq)
    }

    /// Checks that a list is not older than the newest seen of its key, and tells whether it is news.
    pub(crate) fn check(&self, list: &RevocationList) -> Result<bool, StaleList> {
        let own = Newest::of(list);
        match self.keys.get(list.key_id().as_str()) {
            Some(newest) if newest.seq > own.seq || (newest.seq == own.seq && *newest != own) => {
                Err(StaleList {
                    key: list.key_id().clone(),
                    expected: newest.seq,
                    found: own.seq,
                })
            }
            newest => Ok(newest != Some(&own)),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let keys = self.keys.iter();
        keys.map(|(key, newest)| (key.clone(), json!([newest.seq, newest.digest])))
            .collect()
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let newest = |value: &Value| {
            Some(Newest {
                seq: value.get(0)?.as_u64()?,
                digest: value.get(1)?.as_str()?.to_owned(),
            })
        };
        let keys = value.as_object()?.iter();
        let keys = keys.map(|(key, value)| Some((key.clone(), newest(value)?)));
        let keys = keys.collect::<Option<_>>()?;
        Some(Self { keys })
    }
}

/// A list is older than one that was seen here, or another of the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleList {
    /// The key that signed it.
    pub key: KeyId,
    /// The highest number seen of that key.
    pub expected: u64,
    /// The list's number.
    pub found: u64,
}

impl fmt::Display for StaleList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            expected,
            found,
        } = self;
        match expected == found {
            true => write!(
                f,
                "expected revocation list {expected} of key {key} as it was first seen here, found another of that number"
            ),
            false => write!(
                f,
                "expected revocation list {expected} or later of key {key}, found {found}"
            ),
        }
    }
}

impl std::error::Error for StaleList {}

/// What is wrong with a revocation list that is kept here. It stops nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListProblem {
    /// The file can't be read.
    Store(StoreError),
    /// The file is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ListFault,
        /// Where it was set aside to; none where it is not ours to move.
        aside: Option<PathBuf>,
    },
    /// An older list than one that was seen here is all there is; it counts as far as it goes.
    Stale(StaleList),
    /// A list was seen here and is gone.
    Gone {
        /// The key that signed it.
        key: KeyId,
        /// Its number.
        seq: u64,
    },
}

impl ListProblem {
    /// The reason code, where there is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Stale(_) | Self::Gone { .. } => Some(Code::StaleList),
            Self::Damaged { source, .. } => Some(source.code()),
            Self::Store(_) => None,
        }
    }
}

impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(_) => f.write_str("the revocation list can't be read"),
            Self::Damaged { path, aside, .. } => {
                write!(f, "{}: the revocation list is damaged", path.display())?;
                aside_to(aside.as_deref(), f)
            }
            Self::Stale(stale) => stale.fmt(f),
            Self::Gone { key, seq } => write!(
                f,
                "expected revocation list {seq} or later of key {key}, which was installed here, found none"
            ),
        }
    }
}

impl std::error::Error for ListProblem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(source) => Some(source),
            Self::Damaged { source, .. } => Some(source),
            Self::Stale(_) | Self::Gone { .. } => None,
        }
    }
}

/// What is wrong with a file of revocation lists.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListFault {
    /// It is not UTF-8, or larger than any list.
    NotText,
    /// It is no file of tokens.
    Parse(ParseError),
    /// A list in it does not verify.
    Verify(VerifyError),
}

impl ListFault {
    fn code(&self) -> Code {
        match self {
            Self::NotText => Code::Malformed,
            Self::Parse(error) => error.code(),
            Self::Verify(error) => error.code(),
        }
    }
}

impl fmt::Display for ListFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => write!(
                f,
                "expected text in UTF-8 of at most {MAX_LIST_BYTES} bytes"
            ),
            Self::Parse(error) => error.fmt(f),
            Self::Verify(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ListFault {}

/// The lists that are kept in one folder.
#[derive(Debug, Default)]
struct Kept {
    lists: Vec<RevocationList>,
    /// Lists of keys that are not trusted now, as they are.
    foreign: Vec<String>,
}

/// The lists of this product that verify, of the user's folder and the administrator's, and what is wrong with the others.
pub(crate) fn of_home(
    home: &Home,
    trust: &TrustSet,
    product: ProductCode,
    seen: &Seen,
    may_set_aside: bool,
) -> (Vec<RevocationList>, Vec<ListProblem>) {
    let (mut lists, mut problems) = (Vec::new(), Vec::new());
    for (store, is_own) in [(Some(home.user()), true), (home.system(), false)] {
        match store.map(|store| in_store(store, trust)) {
            None => {}
            Some(Ok(kept)) => lists.extend(kept.lists),
            Some(Err(problem)) if is_own && may_set_aside => {
                problems.push(set_aside(problem, home.user(), trust));
            }
            Some(Err(problem)) => problems.push(problem),
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
fn missing(lists: &[RevocationList], trust: &TrustSet, seen: &Seen) -> Vec<ListProblem> {
    let of_key = |key: &KeyId| {
        let expected = seen.seq(key)?;
        let list = lists.iter().find(|list| list.key_id() == key);
        match list.map(RevocationList::seq) {
            None => Some(ListProblem::Gone {
                key: key.clone(),
                seq: expected,
            }),
            Some(found) if found < expected => Some(ListProblem::Stale(StaleList {
                key: key.clone(),
                expected,
                found,
            })),
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

fn in_store(store: &Store, trust: &TrustSet) -> Result<Kept, ListProblem> {
    let path = store.dir().file(StateFile::Revocations);
    let damaged = |source| ListProblem::Damaged {
        path: path.clone(),
        source,
        aside: None,
    };
    let bytes = match store.read(StateFile::Revocations, MAX_LIST_BYTES) {
        Ok(None) => return Ok(Kept::default()),
        Ok(Some(bytes)) => bytes,
        Err(StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
            return Err(damaged(ListFault::NotText));
        }
        Err(error) => return Err(ListProblem::Store(error)),
    };
    let text = String::from_utf8(bytes).map_err(|_| damaged(ListFault::NotText))?;
    verified(&text, trust).map_err(damaged)
}

fn verified(text: &str, trust: &TrustSet) -> Result<Kept, ListFault> {
    let artefacts = Artefacts::parse(text).map_err(ListFault::Parse)?;
    let mut kept = Kept::default();
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

/// Puts a damaged file aside, unless another was written in the meantime.
fn set_aside(problem: ListProblem, store: &Store, trust: &TrustSet) -> ListProblem {
    let ListProblem::Damaged { path, source, .. } = problem else {
        return problem;
    };
    let lock = store.lock_within(std::time::Duration::ZERO).ok();
    let is_damaged = || matches!(in_store(store, trust), Err(ListProblem::Damaged { .. }));
    let lock = lock.filter(|_| is_damaged());
    let aside = lock.and_then(|lock| lock.set_aside(StateFile::Revocations).ok());
    ListProblem::Damaged {
        path,
        source,
        aside,
    }
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
            Kept::default()
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
    mut seen: Seen,
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
pub(crate) fn seen_with(mut seen: Seen, store: &Store, trust: &TrustSet) -> Seen {
    if let Ok(kept) = in_store(store, trust) {
        let _ = seen.note(&kept.lists);
    }
    seen
}
