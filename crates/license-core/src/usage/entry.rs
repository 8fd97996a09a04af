//! An entry: what was counted of one license in one period, and where it stands in its chain.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::counts::QuotaCount;
use super::line::{self, LineError, ascii, count, counts, wrong};
use super::{ChainId, Hash};
use crate::encoding::strict_json::Object;
use crate::ids::ProductCode;
use crate::key::LicenseId;
use crate::time::{Date, Timestamp};

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The chain.
    pub chain: ChainId,
    /// Its number in the chain, from 1.
    pub seq: u64,
    /// The hash of the entry before it; [`Hash::NONE`] for the first.
    pub prev: Hash,
}

/// What was seen of the clock in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSeen {
    /// How often it was found behind the latest time seen, by more than five minutes.
    #[serde(deserialize_with = "count")]
    pub behind: u64,
    /// By how many seconds at most.
    #[serde(deserialize_with = "count")]
    pub most_seconds: u64,
    /// How often the latest time seen was lowered, by something that the vendor signed later.
    #[serde(deserialize_with = "count")]
    pub lowered: u64,
}

/// An entry, in the order of its line. Nothing proves what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UsageEntry {
    /// Its number in the chain, from 1.
    #[serde(rename = "entry", deserialize_with = "count")]
    pub seq: u64,
    /// The chain.
    pub chain: ChainId,
    /// The hash of the entry before it; [`Hash::NONE`] for the first.
    pub prev: Hash,
    /// The product.
    pub product: ProductCode,
    /// The license; none if none was in effect.
    #[serde(deserialize_with = "Option::deserialize")]
    pub license: Option<LicenseId>,
    /// When the first of it was counted, by the latest time that the machine had seen.
    pub from: Timestamp,
    /// When the last of it was.
    pub to: Timestamp,
    /// Of each quota how much was used and refused.
    #[serde(deserialize_with = "quotas")]
    pub quotas: BTreeMap<String, QuotaCount>,
    /// How often something was denied, by reason code.
    #[serde(deserialize_with = "counts")]
    pub denials: BTreeMap<String, u64>,
    /// How often each feature was refused.
    #[serde(deserialize_with = "counts")]
    pub refused_features: BTreeMap<String, u64>,
    /// How many sessions were opened.
    #[serde(deserialize_with = "count")]
    pub sessions: u64,
    /// On how many projects.
    #[serde(deserialize_with = "count")]
    pub projects: u64,
    /// By how many users.
    #[serde(deserialize_with = "count")]
    pub users: u64,
    /// What was seen of the clock.
    #[serde(deserialize_with = "clock")]
    pub clock: ClockSeen,
    /// Whether what was counted since the entry before it was lost.
    pub lost: bool,
    /// Whether entries before it may have counted the same, for the state that counted it was older than the journal.
    pub recounted: bool,
    /// The commitment to its private part.
    #[serde(rename = "private_part")]
    pub private: Hash,
}

fn quotas<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, QuotaCount>, D::Error> {
    let quotas = BTreeMap::<String, Object<QuotaCount>>::deserialize(deserializer)?;
    let quotas = quotas.into_iter();
    Ok(quotas.map(|(name, Object(count))| (name, count)).collect())
}

fn clock<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClockSeen, D::Error> {
    Object::deserialize(deserializer).map(|Object(clock)| clock)
}

impl UsageEntry {
    /// Reads a line as it was written, without its line break.
    ///
    /// # Errors
    ///
    /// Returns [`LineError`] if a member is missing, duplicate or of another type.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        let entry: Self = line::read(line)?;
        if entry.seq == 0 || (entry.seq == 1 && entry.prev != Hash::NONE) {
            return Err(wrong("entry", "a number from 1, where 1 follows nothing"));
        }
        if entry.to < entry.from {
            return Err(wrong("to", "no earlier than `from`"));
        }
        Ok(entry)
    }

    /// Returns the line of the entry, without a line break.
    pub fn to_line(&self) -> String {
        ascii(self)
    }

    /// Returns the entry as a JSON object.
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Returns the place of the entry.
    pub fn place(&self) -> Place {
        Place {
            chain: self.chain,
            seq: self.seq,
            prev: self.prev,
        }
    }

    /// Returns the UTC day on which the entry began.
    pub fn day(&self) -> Option<Date> {
        self.from.date()
    }
}
