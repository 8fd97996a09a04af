//! Private part of an entry: machine, users and sessions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::counts::Counts;
use super::line::ascii;
use super::{Hash, Place, UsageEntry};
use crate::encoding::hex;

/// A closed entry: its line and the line of its private part, without line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The line of the entry, which is chained.
    pub entry: String,
    /// The line of the private part, which the customer may delete.
    pub private: String,
}

impl Closed {
    /// Parses the line of the entry. Returns `None` if it is not an entry.
    pub fn parsed(&self) -> Option<UsageEntry> {
        UsageEntry::parse(&self.entry).ok()
    }

    /// Returns the position of the next entry.
    pub fn next_place(&self) -> Option<Place> {
        let place = self.parsed()?.place();
        Some(Place {
            chain: place.chain,
            seq: place.seq.saturating_add(1),
            prev: Hash::of_entry(&self.entry),
        })
    }

    /// Returns the entry at another position, if its own position is occupied. The result is marked
    /// as recounted, because earlier entries may contain the same counts.
    pub fn moved_to(&self, place: Place) -> Option<Self> {
        let mut entry = self.parsed()?;
        (entry.chain, entry.seq, entry.prev) = (place.chain, place.seq, place.prev);
        entry.recounted = true;
        Some(Self {
            entry: entry.to_line(),
            private: self.private.clone(),
        })
    }

    /// Returns the JSON form that [`Closed::from_json`] reads.
    pub fn to_json(&self) -> Value {
        json!([self.entry, self.private])
    }

    /// Reads the JSON form. Returns `None` if `value` is not the result of [`Closed::to_json`].
    pub fn from_json(value: &Value) -> Option<Self> {
        let closed = Self {
            entry: value.get(0)?.as_str()?.to_owned(),
            private: value.get(1)?.as_str()?.to_owned(),
        };
        closed.parsed()?;
        Some(closed)
    }
}

/// Returns the line of the private part and the commitment to it. The salt prevents guessing of the
/// names from the commitment.
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

/// Content of a private part.
#[derive(Serialize)]
struct PrivateMembers<'a> {
    salt: String,
    machine: Option<&'a str>,
    users: &'a BTreeMap<String, u64>,
    sessions: &'a BTreeMap<String, u64>,
}
