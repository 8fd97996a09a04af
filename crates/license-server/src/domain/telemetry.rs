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
    /// The smallest number of installations of a row. Rows of fewer installations are not shown,
    /// because they could be recognized.
    pub least: u32,
}

/// The dimension of a summary of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TelemetryDimension {
    /// The version of the application.
    Version,
    /// The operating system.
    Os,
    /// The architecture.
    Arch,
    /// The tier in effect.
    Tier,
    /// The quota, such as the number of commands.
    Quota,
}

impl TelemetryDimension {
    /// All dimensions.
    pub const ALL: [Self; 5] = [Self::Version, Self::Os, Self::Arch, Self::Tier, Self::Quota];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Os => "os",
            Self::Arch => "arch",
            Self::Tier => "tier",
            Self::Quota => "quota",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dimension| dimension.as_str() == text)
    }
}

/// The installations of a day with the same value of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryShare {
    /// The UTC day, as text.
    pub day: String,
    /// The value, or `(others)` for values of too few installations. Empty: none is stated.
    pub value: String,
    /// The number of installations.
    pub installations: u64,
    /// The used amount of a quota, or the number of events.
    pub used: u64,
    /// The number of refused requests for a quota.
    pub refused: u64,
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
