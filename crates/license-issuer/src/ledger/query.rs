//! Queries for the licenses in a ledger, and their results.

use std::fmt;

use license_core::chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::ledger::entry::LedgerEntry;

/// The status of a license at an instant, derived from the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicenseStatus {
    /// The license is valid.
    Active,
    /// The license starts later.
    Future,
    /// The license has ended.
    Expired,
    /// Another license replaces this license.
    Superseded,
    /// The license is revoked.
    Revoked,
}

impl LicenseStatus {
    /// All status values.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Future,
        Self::Expired,
        Self::Superseded,
        Self::Revoked,
    ];

    /// Returns the name for filters and reports, such as `active`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Future => "future",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
        }
    }

    /// Returns the status with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for LicenseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The order of a list of licenses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LicenseSort {
    /// In the order of recording.
    #[default]
    Recorded,
    /// By the name of the customer.
    Customer,
    /// By the end of the license. Perpetual licenses are last.
    Expires,
    /// By the tier.
    Tier,
}

/// A selection of licenses. A field that is not set selects all licenses.
#[derive(Clone, Debug, Default)]
pub struct LicenseFilter {
    /// A part of the name of the customer or company. [Folded](crate::folding::folded) names are
    /// compared.
    pub customer: Option<String>,
    /// The whole name of the customer. [Folded](crate::folding::folded) names are compared.
    pub customer_name: Option<String>,
    /// The tier.
    pub tier: Option<String>,
    /// The product code.
    pub product: Option<String>,
    /// The status.
    pub status: Option<LicenseStatus>,
    /// Selects licenses that end at or before this instant.
    pub ends_by: Option<DateTime<Utc>>,
    /// Selects licenses that end after this instant.
    pub ends_after: Option<DateTime<Utc>>,
    /// A part of any id, key or name, including the names of users.
    pub text: Option<String>,
    /// Selects licenses that were recorded after the entry with this number.
    pub after: Option<i64>,
    /// The order.
    pub sort: LicenseSort,
    /// Whether the order is reversed.
    pub reverse: bool,
    /// The maximum number of licenses.
    pub limit: Option<u64>,
}

/// A license or enterprise key in the ledger.
#[derive(Clone, Debug)]
pub struct RecordedLicense {
    /// The entry.
    pub entry: LedgerEntry,
    /// The status.
    pub status: LicenseStatus,
}

impl RecordedLicense {
    /// Returns the members of the license, its status and the state of its entry, as one item of a
    /// list.
    pub fn to_json(&self) -> Value {
        // A license with a damaged body is shown without members. Verification of the chain reports
        // the damage.
        let mut object = self.entry.members().unwrap_or_default();
        object.insert("status".to_owned(), self.status.as_str().into());
        object.insert("recorded_at".to_owned(), self.entry.recorded_at().into());
        object.insert("seq".to_owned(), json!(self.entry.seq));
        object.insert("delivered".to_owned(), self.entry.delivered.into());
        Value::Object(object)
    }
}

/// The numbers of entries, licenses, customers and seats.
#[derive(Clone, Debug, Default)]
pub struct LedgerStats {
    /// The number of entries of each kind.
    pub entries: Vec<(String, i64)>,
    /// The number of licenses of each tier and status.
    pub licenses: Vec<(String, String, i64)>,
    /// The number of licenses and enterprise keys of each product.
    pub products: Vec<(String, i64)>,
    /// The number of customers.
    pub customers: i64,
    /// The number of seats in active licenses.
    pub seats: i64,
    /// The licenses that end within each of [`EndingStats::PERIODS`].
    pub ending: Vec<EndingStats>,
}

/// The numbers of active and future licenses whose last day is in a period from today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndingStats {
    /// The length of the period in days.
    pub days: u16,
    /// The number of licenses and enterprise keys that end within the period.
    pub licenses: i64,
    /// The number of these licenses that another license replaces.
    pub renewed: i64,
}

impl EndingStats {
    /// The periods of the statistics, in days.
    pub const PERIODS: [u16; 3] = [30, 60, 90];
}
