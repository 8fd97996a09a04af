//! The numbers of the newest revocation lists that were seen on this machine.
//!
//! A number belongs to one signing key. A stolen key can raise its own number, but not the number
//! of another key.

use std::collections::BTreeMap;

use license_core::license::RevocationList;
use license_core::trust::KeyId;
use serde_json::{Value, json};

use crate::problem::StaleList;
use license_core::encoding::hex;

/// The newest list of each key that was seen here, by key id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeenLists {
    keys: BTreeMap<String, NewestList>,
}

/// The number and the digest of a list. The digest distinguishes two lists with the same number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct NewestList {
    seq: u64,
    digest: String,
}

impl NewestList {
    fn new(list: &RevocationList) -> Self {
        let digest = list.digest();
        Self {
            seq: list.seq(),
            digest: hex::encode(&digest),
        }
    }
}

impl SeenLists {
    /// Combines two copies. For each key, the list with the higher number stays.
    pub(crate) fn merged(mut self, other: Self) -> Self {
        for (key, newest) in other.keys {
            self.raise(key, newest);
        }
        self
    }

    fn raise(&mut self, key: String, newest: NewestList) {
        let known = self.keys.entry(key).or_insert_with(|| newest.clone());
        if newest.seq > known.seq {
            *known = newest;
        }
    }

    /// Records lists that were seen. Returns whether this changes the record.
    pub(crate) fn record<'l>(
        &mut self,
        lists: impl IntoIterator<Item = &'l RevocationList>,
    ) -> bool {
        let before = self.clone();
        for list in lists {
            self.raise(list.key_id().as_str().to_owned(), NewestList::new(list));
        }
        *self != before
    }

    /// Returns the highest number of a list of this key.
    pub(crate) fn seq(&self, key: &KeyId) -> Option<u64> {
        Some(self.keys.get(key.as_str())?.seq)
    }

    /// Checks that a list is not older than the newest list of its key. Returns whether the list is
    /// new.
    pub(crate) fn check(&self, list: &RevocationList) -> Result<bool, StaleList> {
        let candidate = NewestList::new(list);
        match self.keys.get(list.key_id().as_str()) {
            Some(newest)
                if newest.seq > candidate.seq
                    || (newest.seq == candidate.seq && *newest != candidate) =>
            {
                let key = list.key_id().clone();
                Err(StaleList::new(key, newest.seq, candidate.seq))
            }
            newest => Ok(newest != Some(&candidate)),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let keys = self.keys.iter();
        keys.map(|(key, newest)| (key.clone(), json!([newest.seq, newest.digest])))
            .collect()
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let newest = |value: &Value| {
            Some(NewestList {
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
