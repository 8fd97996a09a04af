//! Entry of a chain: the counts of one license in one period.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::counts::QuotaCount;
use super::line::{self, LineError, ascii, count, counts, invalid, seconds};
use super::{ChainId, UsageHash};
use crate::encoding::strict_json::Object;
use crate::ids::ProductCode;
use crate::key::LicenseId;
use crate::time::{self, serde_rfc3339, serde_seconds};

/// Position of an entry in a chain.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// let first = example::period()?.position();
/// assert_eq!(first.seq, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainPosition {
    /// The chain.
    pub chain: ChainId,
    /// The number of the entry in the chain, counted from 1.
    pub seq: u64,
    /// The hash of the previous entry, or [`UsageHash::NONE`] for the first entry.
    pub prev: UsageHash,
}

/// Observations of the clock in a period.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// let entry = example::closed()?.parse_entry().ok_or("not an entry")?;
/// assert_eq!(entry.clock.behind, 0, "the clock was never behind");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockObservations {
    /// The number of times that the clock was more than five minutes behind the latest time seen.
    #[serde(deserialize_with = "count")]
    pub behind: u64,
    /// The largest difference. The JSON member is `most_seconds`, in whole seconds.
    #[serde(rename = "most_seconds", serialize_with = "serde_seconds::serialize")]
    #[serde(deserialize_with = "seconds")]
    pub most: TimeDelta,
    /// The number of times that the latest time seen was lowered: by a clock repair, or by a newly
    /// signed token of the vendor while the clock was more than a day behind.
    #[serde(deserialize_with = "count")]
    pub lowered: u64,
}

/// Entry of a chain. Its fields are in the order of the line. The counts are not proven.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// let entry = example::closed()?.parse_entry().ok_or("not an entry")?;
/// println!("{} to {}: {} sessions", entry.from, entry.to, entry.sessions);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UsageEntry {
    /// The number of the entry in the chain, counted from 1.
    #[serde(rename = "entry", deserialize_with = "count")]
    pub seq: u64,
    /// The chain.
    pub chain: ChainId,
    /// The hash of the previous entry, or [`UsageHash::NONE`] for the first entry.
    pub prev: UsageHash,
    /// The product.
    pub product: ProductCode,
    /// The license that was in effect, if any.
    #[serde(deserialize_with = "Option::deserialize")]
    pub license: Option<LicenseId>,
    /// The time of the first count, according to the latest time that the machine had seen.
    #[serde(with = "serde_rfc3339")]
    pub from: DateTime<Utc>,
    /// The time of the last count.
    #[serde(with = "serde_rfc3339")]
    pub to: DateTime<Utc>,
    /// The used amount and the refused requests of each quota.
    #[serde(deserialize_with = "quotas")]
    pub quotas: BTreeMap<String, QuotaCount>,
    /// The number of denials by reason code.
    #[serde(deserialize_with = "counts")]
    pub denials: BTreeMap<String, u64>,
    /// The number of refused requests by feature.
    #[serde(deserialize_with = "counts")]
    pub refused_features: BTreeMap<String, u64>,
    /// The number of opened sessions.
    #[serde(deserialize_with = "count")]
    pub sessions: u64,
    /// The number of projects with sessions.
    #[serde(deserialize_with = "count")]
    pub projects: u64,
    /// The number of users.
    #[serde(deserialize_with = "count")]
    pub users: u64,
    /// The observations of the clock.
    #[serde(deserialize_with = "clock")]
    pub clock: ClockObservations,
    /// Whether counts since the previous entry were lost.
    pub lost: bool,
    /// Whether earlier entries may contain the same counts, because the state was older than the
    /// journal.
    pub recounted: bool,
    /// The commitment to the private part.
    #[serde(rename = "private_part")]
    pub private: UsageHash,
}

fn quotas<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, QuotaCount>, D::Error> {
    let quotas = BTreeMap::<String, Object<QuotaCount>>::deserialize(deserializer)?;
    let quotas = quotas.into_iter();
    Ok(quotas.map(|(name, Object(count))| (name, count)).collect())
}

fn clock<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClockObservations, D::Error> {
    Object::deserialize(deserializer).map(|Object(clock)| clock)
}

impl UsageEntry {
    /// Parses a line as it was written, without its line break.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::UsageEntry;
    ///
    /// let entry = UsageEntry::parse(&example::closed()?.entry)?;
    /// assert_eq!(entry.product.as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`LineError`] if a member is missing, duplicate or not valid.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        let entry: Self = line::read(line)?;
        if entry.seq == 0 || (entry.seq == 1 && entry.prev != UsageHash::NONE) {
            let expected = "a positive number, and `prev` of entry 1 to be zero";
            return Err(invalid("entry", expected));
        }
        if entry.to < entry.from {
            return Err(invalid("to", "at or after `from`"));
        }
        Ok(entry)
    }

    /// Returns the line of the entry, without a line break.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let closed = example::closed()?;
    /// assert_eq!(closed.parse_entry().ok_or("not an entry")?.to_line(), closed.entry);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_line(&self) -> String {
        ascii(self)
    }

    /// Returns the entry as a JSON object.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let entry = example::closed()?.parse_entry().ok_or("not an entry")?;
    /// println!("{:#}", entry.to_json());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Returns the position of the entry in its chain.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let entry = example::closed()?.parse_entry().ok_or("not an entry")?;
    /// assert_eq!(entry.position().seq, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn position(&self) -> ChainPosition {
        ChainPosition {
            chain: self.chain,
            seq: self.seq,
            prev: self.prev,
        }
    }

    /// Returns the UTC day on which the entry starts.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// let entry = example::closed()?.parse_entry().ok_or("not an entry")?;
    /// assert_eq!(entry.day().to_string(), "2027-03-01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn day(&self) -> NaiveDate {
        time::clamp(self.from).date_naive()
    }
}
