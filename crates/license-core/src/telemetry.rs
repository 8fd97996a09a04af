//! Telemetry: what a program reports about its use if its user has turned that on.
//!
//! An event has the counts of one day, and nothing that identifies a person, a machine, a license
//! or a project. A batch is the body of a request to a license server. Client and server share
//! these types, so that the bytes that a user sees are those that are sent and stored.
//!
//! ```
//! use license_core::telemetry::{TelemetryBatch, TelemetryId};
//! use license_core::requests::ActivationSecret;
//!
//! let secret = ActivationSecret::from_random([7; 32]);
//! let batches = TelemetryBatch::split(TelemetryId([1; 16]), secret.commitment(), Vec::new());
//! assert!(batches.is_empty(), "without events, there is nothing to send");
//! ```

mod guards;

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use semver::Version;
use serde::{Deserialize, Serialize};

use self::guards::{bounded_count, bounded_version, counts, events, quotas, word};
use crate::encoding::hex::hex_text;
use crate::encoding::value::text_value;
use crate::ids::{Commitment, ProductCode, Tier};
use crate::time;

/// Maximum number of events in a batch.
pub const MAX_BATCH_EVENTS: usize = 100;
/// Maximum size of a batch in bytes, unless it has only one event. A server accepts 64 KiB.
pub const MAX_BATCH_BYTES: usize = 60_000;
/// Maximum of a count in an event. The sum of the counts of a million events fits 2^53 - 1.
pub const MAX_EVENT_COUNT: u64 = 1_000_000_000;
/// Maximum number of names of each kind in an event, and maximum length of a name in bytes.
pub const MAX_EVENT_NAMES: usize = 64;

/// Id of an installation or an event: 128 random bits, written in lower-case hexadecimal.
///
/// ```
/// use license_core::telemetry::TelemetryId;
///
/// assert_eq!(TelemetryId([7; 16]).to_string(), "07".repeat(16));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TelemetryId(pub [u8; 16]);

hex_text!(TelemetryId, "32 lower-case hexadecimal digits");

/// A UTC day from 1970-01-01 to 9999-12-31. Its text form is `YYYY-MM-DD`.
///
/// ```
/// use license_core::telemetry::TelemetryDay;
///
/// let day: TelemetryDay = "2027-03-01".parse()?;
/// assert_eq!(day.to_string(), "2027-03-01");
/// assert!("20270301".parse::<TelemetryDay>().is_err());
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TelemetryDay(NaiveDate);

impl TelemetryDay {
    /// Returns the day of a date. A date beyond the range becomes the nearest one in it.
    ///
    /// ```
    /// use license_core::chrono::NaiveDate;
    /// use license_core::telemetry::TelemetryDay;
    ///
    /// assert_eq!(TelemetryDay::new(NaiveDate::MAX).to_string(), "9999-12-31");
    /// ```
    pub fn new(date: NaiveDate) -> Self {
        Self(date.clamp(time::MIN.date_naive(), time::MAX.date_naive()))
    }

    /// Parses a day such as `2027-03-01`.
    ///
    /// ```
    /// use license_core::telemetry::TelemetryDay;
    ///
    /// assert_eq!(TelemetryDay::parse("2027-02-29"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let has_hyphens = text.len() == "2027-03-01".len();
        time::parse_date(text)
            .ok()
            .filter(|_| has_hyphens)
            .map(Self)
    }

    /// Returns the date.
    ///
    /// ```
    /// use license_core::telemetry::TelemetryDay;
    ///
    /// let day: TelemetryDay = "2027-03-01".parse()?;
    /// assert_eq!(day.date().succ_opt().map(TelemetryDay::new), TelemetryDay::parse("2027-03-02"));
    /// # Ok::<(), license_core::encoding::ValueError>(())
    /// ```
    pub fn date(self) -> NaiveDate {
        self.0
    }
}

impl fmt::Display for TelemetryDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.format("%Y-%m-%d").to_string())
    }
}

text_value!(TelemetryDay, "a day such as 2027-03-01");

/// Amount of a quota that was used, and number of refused requests, in one day.
///
/// ```
/// use license_core::telemetry::QuotaTelemetry;
///
/// let counts = QuotaTelemetry { used: 3, refused: 1 };
/// assert_eq!(serde_json::to_string(&counts)?, r#"{"used":3,"refused":1}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaTelemetry {
    /// The amount that was granted.
    #[serde(deserialize_with = "bounded_count")]
    pub used: u64,
    /// The number of refused requests, regardless of their amount.
    #[serde(deserialize_with = "bounded_count")]
    pub refused: u64,
}

/// The counts of one day. JSON has the members in the order of the fields.
///
/// ```
/// use license_core::telemetry::{TelemetryDay, TelemetryEvent, TelemetryId};
/// use license_core::{FeatureMatrix, Version};
///
/// let (matrix, day) = (FeatureMatrix::built_in(), TelemetryDay::parse("2027-03-01"));
/// let event = TelemetryEvent {
///     id: TelemetryId([1; 16]),
///     day: day.ok_or("expected a day")?,
///     client: Version::new(0, 1, 0),
///     product: matrix.product(),
///     version: None,
///     tier: matrix.base_tier().name(),
///     os: "linux".to_owned(),
///     arch: "x86_64".to_owned(),
///     dropped: 0,
///     quotas: Default::default(),
///     refused_features: Default::default(),
///     denials: Default::default(),
/// };
/// assert!(serde_json::to_string(&event)?.contains(r#""day":"2027-03-01""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryEvent {
    /// A random id, by which a server recognizes an event that is sent twice.
    pub id: TelemetryId,
    /// The UTC day of the counts.
    pub day: TelemetryDay,
    /// The version of `license-client`.
    #[serde(deserialize_with = "bounded_version")]
    pub client: Version,
    /// The product.
    pub product: ProductCode,
    /// The version of the application, if it states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "bounded_version")]
    pub version: Option<Version>,
    /// The tier in effect when the event was created.
    pub tier: Tier,
    /// The operating system, such as `linux`.
    #[serde(deserialize_with = "word")]
    pub os: String,
    /// The architecture, such as `x86_64`.
    #[serde(deserialize_with = "word")]
    pub arch: String,
    /// The number of earlier events that were dropped, because the queue was full.
    #[serde(deserialize_with = "bounded_count")]
    pub dropped: u64,
    /// The used amount and the refused requests of each quota.
    #[serde(deserialize_with = "quotas")]
    pub quotas: BTreeMap<String, QuotaTelemetry>,
    /// The number of refused requests by feature.
    #[serde(deserialize_with = "counts")]
    pub refused_features: BTreeMap<String, u64>,
    /// The number of denials by reason code.
    #[serde(deserialize_with = "counts")]
    pub denials: BTreeMap<String, u64>,
}

/// The body of a request with telemetry.
///
/// ```
/// use license_core::encoding::from_strict_json;
/// use license_core::requests::ActivationSecret;
/// use license_core::telemetry::{TelemetryBatch, TelemetryId};
///
/// let batch = TelemetryBatch {
///     installation: TelemetryId([1; 16]),
///     commitment: ActivationSecret::from_random([7; 32]).commitment(),
///     events: Vec::new(),
/// };
/// assert!(from_strict_json::<TelemetryBatch>(batch.to_json().as_bytes()).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryBatch {
    /// The random id of the installation.
    pub installation: TelemetryId,
    /// The commitment to the secret that deletes the events of the installation.
    pub commitment: Commitment,
    /// From 1 to 100 events, the oldest first.
    #[serde(deserialize_with = "events")]
    pub events: Vec<TelemetryEvent>,
}

impl TelemetryBatch {
    /// Divides events into batches that a server accepts, in their order.
    ///
    /// ```
    /// use license_core::requests::ActivationSecret;
    /// use license_core::telemetry::{TelemetryBatch, TelemetryId};
    ///
    /// let commitment = ActivationSecret::from_random([7; 32]).commitment();
    /// assert!(TelemetryBatch::split(TelemetryId([1; 16]), commitment, Vec::new()).is_empty());
    /// ```
    pub fn split(
        installation: TelemetryId,
        commitment: Commitment,
        events: Vec<TelemetryEvent>,
    ) -> Vec<Self> {
        let mut batches: Vec<Self> = Vec::new();
        let mut bytes: usize = 0;
        for event in events {
            let length = json(&event).len().saturating_add(1);
            match batches.last_mut() {
                Some(last)
                    if last.events.len() < MAX_BATCH_EVENTS
                        && bytes.saturating_add(length) <= MAX_BATCH_BYTES =>
                {
                    bytes = bytes.saturating_add(length);
                    last.events.push(event);
                }
                _ => {
                    let batch = Self {
                        installation,
                        commitment,
                        events: Vec::new(),
                    };
                    bytes = batch.to_json().len().saturating_add(length);
                    batches.push(Self {
                        events: vec![event],
                        ..batch
                    });
                }
            }
        }
        batches
    }

    /// Returns the body: compact JSON.
    ///
    /// ```
    /// use license_core::requests::ActivationSecret;
    /// use license_core::telemetry::{TelemetryBatch, TelemetryId};
    ///
    /// let batch = TelemetryBatch {
    ///     installation: TelemetryId([1; 16]),
    ///     commitment: ActivationSecret::from_random([7; 32]).commitment(),
    ///     events: Vec::new(),
    /// };
    /// assert!(batch.to_json().starts_with(r#"{"installation":"01"#));
    /// ```
    pub fn to_json(&self) -> String {
        json(self)
    }
}

impl TelemetryEvent {
    /// Returns the event as it is sent and stored: compact JSON.
    ///
    /// ```
    /// # use license_core::telemetry::TelemetryEvent;
    /// /// Returns the size of an event in bytes.
    /// fn size(event: &TelemetryEvent) -> usize {
    ///     event.to_json().len()
    /// }
    /// ```
    pub fn to_json(&self) -> String {
        json(self)
    }
}

/// Writes compact JSON.
fn json(value: &impl Serialize) -> String {
    // The structs of this module have string keys only, so the conversion does not fail.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
