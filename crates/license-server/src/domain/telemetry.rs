//! Telemetry of anonymous installations.

use license_core::telemetry::{TelemetryBatch, TelemetryDay};

/// The result of storing a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelemetryOutcome {
    /// The batch is stored, except the events that were stored before.
    Stored {
        /// The number of new events.
        stored: u64,
        /// The number of events that were stored before.
        known: u64,
    },
    /// The events of the installation were deleted, so it sends no more.
    Deleted,
    /// The first batch of the installation had another commitment.
    OtherCommitment,
}

/// The space of the telemetry of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelemetrySize {
    /// The number of stored events.
    pub events: u64,
    /// The number of known installations, including those whose events were deleted.
    pub installations: u64,
    /// The size of all events as JSON in bytes.
    pub event_bytes: u64,
}

/// The result of deleting the events of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelemetryDeletion {
    /// The server has no events of the installation now.
    Deleted,
    /// The secret is not that of the installation.
    WrongSecret,
}

/// A batch to store, without the events that are too old or from the future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryRecord {
    /// The installation, its commitment and its events.
    pub batch: TelemetryBatch,
    /// The day on which the server received the batch.
    pub received_on: TelemetryDay,
}

/// The part of the telemetry that an administrator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelemetryRange {
    /// The first day.
    pub from: TelemetryDay,
    /// The last day.
    pub through: TelemetryDay,
}

/// The sum of one count over all installations that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryRow {
    /// The UTC day, as text.
    pub day: String,
    /// The product.
    pub product: String,
    /// The version of the application. `None` if it states none.
    pub version: Option<String>,
    /// The tier in effect.
    pub tier: String,
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub arch: String,
    /// The kind of the count: `event`, `dropped`, `quota`, `refused_feature` or `denial`.
    pub kind: String,
    /// The name of the quota or feature, or the reason code. Empty for the other kinds.
    pub name: String,
    /// The number of installations.
    pub installations: u64,
    /// The number of events, dropped events or denials, or the used amount of a quota.
    pub used: u64,
    /// The number of refused requests.
    pub refused: u64,
}
