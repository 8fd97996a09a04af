//! An entry: what was counted of one license in one period, and where it stands in its chain.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::counts::QuotaCount;
use super::line::{self, Count, LineError, ascii, wrong};
use super::{ChainId, Hash};
use crate::encoding::strict_json::{Object, object};
use crate::ids::ProductCode;
use crate::key::LicenseId;
use crate::time::{Date, Timestamp};

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The chain.
    pub chain: ChainId,
    /// Its number in the chain, from 1.
    pub seq: u64,
    /// The hash of the entry before it; [`Hash::NONE`] for the first.
    pub prev: Hash,
}

/// What was seen of the clock in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSeen {
    /// How often it was found behind the latest time seen, by more than five minutes.
    pub behind: u64,
    /// By how many seconds at most.
    pub most_seconds: u64,
    /// How often the latest time seen was lowered, by something that the vendor signed later.
    pub lowered: u64,
}

/// An entry, as its line says it. Nothing proves what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageEntry {
    /// Where it stands.
    pub place: Place,
    /// The product.
    pub product: ProductCode,
    /// The license; none if none was in effect.
    pub license: Option<LicenseId>,
    /// When the first of it was counted, by the latest time that the machine had seen.
    pub from: Timestamp,
    /// When the last of it was.
    pub to: Timestamp,
    /// Of each quota how much was used and refused.
    pub quotas: BTreeMap<String, QuotaCount>,
    /// How often something was denied, by reason code.
    pub denials: BTreeMap<String, u64>,
    /// How often each feature was refused.
    pub refused_features: BTreeMap<String, u64>,
    /// How many sessions were opened.
    pub sessions: u64,
    /// On how many projects.
    pub projects: u64,
    /// By how many users.
    pub users: u64,
    /// What was seen of the clock.
    pub clock: ClockSeen,
    /// Whether what was counted since the entry before it was lost.
    pub lost: bool,
    /// Whether entries before it may have counted the same, for the state that counted it was older than the journal.
    pub recounted: bool,
    /// The commitment to its private part.
    pub private: Hash,
}

/// The JSON form of a [`UsageEntry`], in the order of its line.
#[derive(Serialize, Deserialize)]
pub(super) struct EntryMembers {
    entry: Count,
    chain: ChainId,
    prev: Hash,
    product: ProductCode,
    license: Nullable<LicenseId>,
    from: Timestamp,
    to: Timestamp,
    quotas: BTreeMap<String, QuotaMembers>,
    denials: BTreeMap<String, Count>,
    refused_features: BTreeMap<String, Count>,
    sessions: Count,
    projects: Count,
    users: Count,
    #[serde(deserialize_with = "object")]
    clock: Option<ClockMembers>,
    lost: bool,
    recounted: bool,
    private_part: Hash,
}

/// A member that may be `null` but not absent.
#[derive(Serialize, Deserialize)]
struct Nullable<T>(Option<T>);

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(from = "Object<QuotaForm>")]
struct QuotaMembers {
    used: Count,
    refused: Count,
}

/// [`QuotaMembers`] before it is known to be an object.
#[derive(Deserialize)]
struct QuotaForm {
    used: Count,
    refused: Count,
}

impl From<Object<QuotaForm>> for QuotaMembers {
    fn from(Object(QuotaForm { used, refused }): Object<QuotaForm>) -> Self {
        Self { used, refused }
    }
}

#[derive(Serialize, Deserialize)]
struct ClockMembers {
    behind: Count,
    most_seconds: Count,
    lowered: Count,
}

impl UsageEntry {
    /// Reads a line as it was written, without its line break.
    ///
    /// # Errors
    ///
    /// Returns [`LineError`] if a member is missing, duplicate or of another type.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        Self::try_from(line::read::<EntryMembers>(line)?)
    }

    /// Returns the line of the entry, without a line break.
    pub fn to_line(&self) -> String {
        ascii(&self.members())
    }

    /// Returns the entry as a JSON object.
    pub fn to_json(&self) -> Value {
        json!(self.members())
    }

    fn members(&self) -> EntryMembers {
        let counts = |counts: &BTreeMap<String, u64>| {
            let counts = counts.iter();
            counts
                .map(|(name, count)| (name.clone(), Count(*count)))
                .collect()
        };
        let quotas = self.quotas.iter().map(|(name, count)| {
            let members = QuotaMembers {
                used: Count(count.used),
                refused: Count(count.refused),
            };
            (name.clone(), members)
        });
        EntryMembers {
            entry: Count(self.place.seq),
            chain: self.place.chain,
            prev: self.place.prev,
            product: self.product,
            license: Nullable(self.license.clone()),
            from: self.from,
            to: self.to,
            quotas: quotas.collect(),
            denials: counts(&self.denials),
            refused_features: counts(&self.refused_features),
            sessions: Count(self.sessions),
            projects: Count(self.projects),
            users: Count(self.users),
            clock: Some(ClockMembers {
                behind: Count(self.clock.behind),
                most_seconds: Count(self.clock.most_seconds),
                lowered: Count(self.clock.lowered),
            }),
            lost: self.lost,
            recounted: self.recounted,
            private_part: self.private,
        }
    }

    /// Returns the UTC day on which the entry began.
    pub fn day(&self) -> Option<Date> {
        self.from.date()
    }
}

impl TryFrom<EntryMembers> for UsageEntry {
    type Error = LineError;

    fn try_from(members: EntryMembers) -> Result<Self, LineError> {
        let place = Place {
            seq: members.entry.0,
            chain: members.chain,
            prev: members.prev,
        };
        if place.seq == 0 || (place.seq == 1 && place.prev != Hash::NONE) {
            return Err(wrong("entry", "a number from 1, where 1 follows nothing"));
        }
        if members.to < members.from {
            return Err(wrong("to", "no earlier than `from`"));
        }
        let clock = members.clock.ok_or_else(|| wrong("clock", "an object"))?;
        let counts = |counts: BTreeMap<String, Count>| {
            let counts = counts.into_iter();
            counts.map(|(name, count)| (name, count.0)).collect()
        };
        let quotas = members.quotas.into_iter().map(|(name, members)| {
            let count = QuotaCount {
                used: members.used.0,
                refused: members.refused.0,
            };
            (name, count)
        });
        Ok(Self {
            place,
            product: members.product,
            license: members.license.0,
            from: members.from,
            to: members.to,
            quotas: quotas.collect(),
            denials: counts(members.denials),
            refused_features: counts(members.refused_features),
            sessions: members.sessions.0,
            projects: members.projects.0,
            users: members.users.0,
            clock: ClockSeen {
                behind: clock.behind.0,
                most_seconds: clock.most_seconds.0,
                lowered: clock.lowered.0,
            },
            lost: members.lost,
            recounted: members.recounted,
            private: members.private_part,
        })
    }
}
