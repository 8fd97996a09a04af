//! Private part of an entry: machine, users and sessions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::counts::UsageCounts;
use super::line::ascii;
use super::{ChainPosition, UsageEntry, UsageHash};
use crate::encoding::hex;

/// A closed entry: its line and the line of its private part, without line breaks.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// use license_core::usage::write;
///
/// let closed = example::closed()?;
/// print!("{}", write(example::product()?, &[closed], false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClosedEntry {
    /// The line of the entry, which is part of the chain.
    pub entry: String,
    /// The line of the private part, which the customer may delete.
    pub private: String,
}

impl ClosedEntry {
    /// Parses the line of the entry. Returns `None` if the line is not an entry.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let entry = example::closed()?.parse_entry().ok_or("not an entry")?;
    /// assert_eq!(entry.seq, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse_entry(&self) -> Option<UsageEntry> {
        UsageEntry::parse(&self.entry).ok()
    }

    /// Returns the position of the next entry, or `None` if the line is not an entry.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let next = example::closed()?.next_position().ok_or("not an entry")?;
    /// assert_eq!(next.seq, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_position(&self) -> Option<ChainPosition> {
        let position = self.parse_entry()?.position();
        Some(ChainPosition {
            chain: position.chain,
            seq: position.seq.saturating_add(1),
            prev: UsageHash::from_entry(&self.entry),
        })
    }

    /// Returns the entry at a new position. Used if a different entry of the chain already has the
    /// position of this entry. Returns `None` if the line is not an entry.
    ///
    /// The result is marked as recounted, because earlier entries may contain the same counts.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let closed = example::closed()?;
    /// let next = closed.next_position().ok_or("not an entry")?;
    /// let moved = closed.with_position(next).ok_or("not an entry")?;
    /// assert!(moved.parse_entry().ok_or("not an entry")?.recounted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_position(&self, position: ChainPosition) -> Option<Self> {
        let mut entry = self.parse_entry()?;
        (entry.chain, entry.seq, entry.prev) = (position.chain, position.seq, position.prev);
        entry.recounted = true;
        Some(Self {
            entry: entry.to_line(),
            private: self.private.clone(),
        })
    }

    /// Returns the JSON form that [`ClosedEntry::from_json`] reads.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::ClosedEntry;
    ///
    /// let closed = example::closed()?;
    /// assert_eq!(ClosedEntry::from_json(&closed.to_json()), Some(closed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Value {
        json!([self.entry, self.private])
    }

    /// Reads the JSON form. Returns `None` if `value` is not the result of
    /// [`ClosedEntry::to_json`].
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::ClosedEntry;
    ///
    /// assert!(ClosedEntry::from_json(&example::closed()?.to_json()).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_json(value: &Value) -> Option<Self> {
        let closed = Self {
            entry: value.get(0)?.as_str()?.to_owned(),
            private: value.get(1)?.as_str()?.to_owned(),
        };
        closed.parse_entry()?;
        Some(closed)
    }
}

/// Returns the line of the private part and the commitment to it. Because of the salt, the names
/// cannot be guessed from the commitment.
pub(super) fn private_part(
    counts: &UsageCounts,
    machine: Option<&str>,
    salt: [u8; 16],
) -> (String, UsageHash) {
    let private = PrivateMembers {
        salt: hex::encode(&salt),
        machine,
        users: &counts.users,
        sessions: &counts.sessions,
    };
    let line = ascii(&PrivateLine { private });
    let hash = UsageHash::from_private_part(&line);
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
