//! Machines that validated a license or held a seat.

use chrono::{DateTime, Utc};
use license_core::LicenseId;

use super::email::EmailAddress;

/// One use of a license on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineSighting {
    /// The license.
    pub license: LicenseId,
    /// The digest of the machine, as text.
    pub machine: String,
    /// The version of the application, if the machine sent one.
    pub version: Option<String>,
    /// The user, if one who is assigned to the license used it.
    pub user: Option<EmailAddress>,
    /// The time of the use.
    pub at: DateTime<Utc>,
}

/// A machine, with its first and its latest use of a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineRecord {
    /// The license.
    pub license: LicenseId,
    /// The digest of the machine, as text.
    pub machine: String,
    /// The version of the application at the latest use that named one.
    pub version: Option<String>,
    /// The time of the first use.
    pub first_seen: DateTime<Utc>,
    /// The time of the latest use.
    pub last_seen: DateTime<Utc>,
}

/// A list of the machines of all licenses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineList {
    /// The machines by their latest use, the newest first.
    Recent,
    /// The machines whose digest begins with a text, in the order of the digests.
    Named(String),
}
