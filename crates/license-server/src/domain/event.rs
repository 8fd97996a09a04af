//! Events, which other systems read in their order.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// An event: a change of a seat, or an audited change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The number of the event. Numbers increase in the order of the changes.
    pub seq: u64,
    /// The time.
    pub at: DateTime<Utc>,
    /// The kind.
    pub kind: String,
    /// The object.
    pub subject: String,
    /// The details.
    pub details: Value,
}
