//! The private part of an entry: which machine, which users, which sessions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::counts::Counts;
use super::line::ascii;
use super::{Hash, Place, UsageEntry};
use crate::encoding::hex;

/// A closed entry: its line and that of its private part, both without line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// What is chained.
    pub entry: String,
    /// What its owner may delete.
    pub private: String,
}

impl Closed {
    /// The entry; none if the line is none.
    pub fn parsed(&self) -> Option<UsageEntry> {
        UsageEntry::parse(&self.entry).ok()
    }

    /// The place after it.
    pub fn next_place(&self) -> Option<Place> {
        let place = self.parsed()?.place();
        Some(Place {
            chain: place.chain,
            seq: place.seq.saturating_add(1),
            prev: Hash::of_entry(&self.entry),
        })
    }

    /// The same in another place of a chain, because its own is taken: it says so, for what it counts may be counted there already.
    pub fn moved_to(&self, place: Place) -> Option<Self> {
        let mut entry = self.parsed()?;
        (entry.chain, entry.seq, entry.prev) = (place.chain, place.seq, place.prev);
        entry.recounted = true;
        Some(Self {
            entry: entry.to_line(),
            private: self.private.clone(),
        })
    }

    /// Both lines, for [`Closed::from_json`].
    pub fn to_json(&self) -> Value {
        json!([self.entry, self.private])
    }

    /// Reads what [`Closed::to_json`] wrote; `None` if it is anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let closed = Self {
            entry: value.get(0)?.as_str()?.to_owned(),
            private: value.get(1)?.as_str()?.to_owned(),
        };
        closed.parsed()?;
        Some(closed)
    }
}

/// The line of the private part, and the commitment to it. The salt makes it useless to try names against the commitment.
pub(super) fn private_part(
    counts: &Counts,
    machine: Option<&str>,
    salt: [u8; 16],
) -> (String, Hash) {
    let private = PrivateMembers {
        salt: hex::encode(&salt),
        machine,
        users: &counts.users,
        sessions: &counts.sessions,
    };
    let line = ascii(&PrivateLine { private });
    let hash = Hash::of_private(&line);
    (line, hash)
}

#[derive(Serialize)]
struct PrivateLine<'a> {
    private: PrivateMembers<'a>,
}

/// The content of a private part.
#[derive(Serialize)]
struct PrivateMembers<'a> {
    salt: String,
    machine: Option<&'a str>,
    users: &'a BTreeMap<String, u64>,
    sessions: &'a BTreeMap<String, u64>,
}
