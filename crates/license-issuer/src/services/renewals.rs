//! Whether licenses need a renewal.

use std::fmt;

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntryKind, LedgerReader, LicenseStatus, RecordedLicense};

/// Whether a recorded license can be renewed, and the reason if it cannot.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let directory = tempfile::tempdir()?;
/// # let signed = fixture::issue(directory.path())?;
/// # let path = directory.path().join("ledger.db");
/// use license_issuer::clock::{Clock, SystemClock};
/// use license_issuer::ledger::LedgerReader;
/// use license_issuer::ledger::sqlite::SqliteLedger;
/// use license_issuer::services::renewals::RenewalState;
///
/// let ledger = SqliteLedger::open_read_only(&path)?;
/// let id = signed.license.id().as_str();
/// let license = ledger.license(id, SystemClock.now())?.ok_or("the license is recorded")?;
/// assert_eq!(RenewalState::of(&license, &ledger)?, RenewalState::Due);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RenewalState {
    /// The license can be renewed.
    Due,
    /// The license is a trial, which is converted and not renewed.
    Trial,
    /// An enterprise key has no renewal. Its holder needs another key.
    EnterpriseKey,
    /// A license that starts later replaces this license.
    Renewed {
        /// The id of the license that replaces this license.
        successor: String,
    },
    /// A license that is in effect replaces this license.
    Superseded {
        /// The id of the license that replaces this license.
        successor: String,
    },
    /// The license is revoked.
    Revoked,
}

impl RenewalState {
    /// Returns the state of a license.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn of(license: &RecordedLicense, ledger: &dyn LedgerReader) -> Result<Self, LedgerError> {
        if license.status == LicenseStatus::Revoked {
            return Ok(Self::Revoked);
        }
        if let Some(successor) = ledger.successor(&license.entry.subject)? {
            return Ok(match license.status {
                LicenseStatus::Superseded => Self::Superseded { successor },
                _ => Self::Renewed { successor },
            });
        }
        let entry = &license.entry;
        Ok(match LedgerEntryKind::parse(&entry.kind) {
            Some(LedgerEntryKind::EnterpriseKey) => Self::EnterpriseKey,
            _ if entry.member("trial").as_deref() == Some("true") => Self::Trial,
            _ => Self::Due,
        })
    }

    /// Returns the name of the state for reports, such as `due`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Trial => "trial",
            Self::EnterpriseKey => "enterprise_key",
            Self::Renewed { .. } => "renewed",
            Self::Superseded { .. } => "superseded",
            Self::Revoked => "revoked",
        }
    }

    /// Returns the id of the license that replaces this license.
    pub fn successor(&self) -> Option<&str> {
        match self {
            Self::Renewed { successor } | Self::Superseded { successor } => Some(successor),
            _ => None,
        }
    }

    /// Returns whether the end of the license still needs an action of the vendor: a renewal, a
    /// conversion or another key.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Due | Self::Trial | Self::EnterpriseKey)
    }
}

impl fmt::Display for RenewalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
