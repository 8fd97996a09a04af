//! Events, which other systems read in their order.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// An event that is to be appended, in the transaction of its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The kind, such as `lease.granted`.
    pub kind: String,
    /// The object, such as the id of a pool.
    pub subject: String,
    /// The details, without secrets.
    pub details: Value,
}

/// A stored event.
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
