//! Usage reports of machines.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use serde_json::{Value, json};

/// The bounds of the usage reports of one license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageLimits {
    /// The largest number of stored reports.
    pub reports: u64,
    /// The largest size of all stored reports together, in bytes.
    pub bytes: u64,
}

/// The stored usage reports up to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageExtent {
    /// The number of reports.
    pub reports: u64,
    /// The number of the first report.
    pub first: u64,
    /// The number of the last report.
    pub last: u64,
}

impl UsageExtent {
    /// Returns the state for the audit trail.
    pub fn audited(self) -> Value {
        json!({ "reports": self.reports, "first": self.first, "last": self.last })
    }
}

/// A usage report that a machine sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// The number of the report on this server, in the order of arrival.
    pub number: u64,
    /// The license with which the machine sent the report.
    pub license: LicenseId,
    /// The SHA-256 digest of the report. A report that is sent twice is stored once.
    pub digest: [u8; 32],
    /// The product code.
    pub product: String,
    /// The report.
    pub report: String,
    /// The number of its entries.
    pub entries: u64,
    /// The time at which the server received the report.
    pub received_at: DateTime<Utc>,
}
