//! Rows that were issued before, and are not issued again.

use std::fs;
use std::path::Path;

use license_core::Unverified;
use license_core::chrono::{DateTime, Utc};
use license_core::claims::LicenseClaims;

use super::BatchError;
use crate::delivery::{ArtifactDestination, Delivery, FileDelivery};
use crate::errors::{DeliveryError, LedgerError};
use crate::files::Collision;
use crate::ledger::{LedgerReader, LicenseStatus};
use crate::services::issue::IssueError;

/// The license that was issued for a row.
#[derive(Clone, Debug, Default)]
pub(super) struct IssuedLicense {
    /// The claims, if the license is recorded.
    pub(super) claims: Option<Box<LicenseClaims>>,
    status: Option<LicenseStatus>,
    /// Whether the file was missing and was written again.
    is_restored: bool,
}

/// The license that was issued for a row, with its token if the license is recorded.
#[derive(Clone, Debug)]
pub(super) struct IssuedLicenseLookup {
    pub(super) license: IssuedLicense,
    token: Option<String>,
}

impl IssuedLicense {
    /// Returns the license that was issued for an order. Without a ledger, any file at `path`
    /// counts as the license.
    pub(super) fn find(
        ledger: Option<&dyn LedgerReader>,
        order: &str,
        path: &Path,
        now: DateTime<Utc>,
    ) -> Result<Option<IssuedLicenseLookup>, LedgerError> {
        let Some(ledger) = ledger else {
            let exists = path.symlink_metadata().is_ok();
            return Ok(exists.then(|| IssuedLicenseLookup {
                license: Self::default(),
                token: None,
            }));
        };
        let Some(entry) = ledger.license_of_order(order)? else {
            return Ok(None);
        };
        let recorded = ledger.license(&entry.subject, now)?;
        let token = Unverified::parse(&entry.artifact).ok();
        let claims = token.and_then(|token| token.unverified_license_claims().ok());
        Ok(Some(IssuedLicenseLookup {
            license: Self {
                claims: claims.map(Box::new),
                status: recorded.as_ref().map(|recorded| recorded.status),
                is_restored: false,
            },
            token: recorded.map(|recorded| recorded.entry.artifact),
        }))
    }
}

impl IssuedLicenseLookup {
    /// Writes the file of the license again if it is missing.
    ///
    /// # Errors
    ///
    /// Returns [`BatchError::DamagedFile`] if the file exists but does not contain the license.
    pub(super) fn restore<E: std::error::Error>(
        mut self,
        path: &Path,
        order: &str,
    ) -> Result<IssuedLicense, BatchError<E>> {
        let token = self.token.as_deref();
        if let Some(token) = token.and_then(|token| Unverified::parse(token).ok()) {
            let content = token.to_armor().into_bytes();
            self.license.is_restored = path.symlink_metadata().is_err();
            if self.license.is_restored {
                write(path, order, &content).map_err(IssueError::Delivery)?;
            } else {
                check(path, &content)?;
            }
        }
        Ok(self.license)
    }
}

fn write(path: &Path, order: &str, content: &[u8]) -> Result<(), DeliveryError> {
    let destination = ArtifactDestination::file(path, order, Collision::Refuse);
    let mut delivery = FileDelivery::default();
    delivery.stage(&destination, content)?;
    delivery.publish(&destination)
}

/// Checks that a file contains the license, and nothing else.
fn check<E: std::error::Error>(path: &Path, content: &[u8]) -> Result<(), BatchError<E>> {
    let path = path.to_owned();
    match fs::read(&path) {
        Ok(found) if found == content => Ok(()),
        Ok(_) => Err(BatchError::DamagedFile(path)),
        Err(source) => Err(BatchError::Io {
            action: "read",
            path,
            source,
        }),
    }
}

/// Counts of licenses that were issued before.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlreadyIssuedCounts {
    /// All licenses that were issued before.
    pub total: u64,
    /// Licenses whose files were missing and were written again.
    pub restored: u64,
    /// Licenses that have expired.
    pub expired: u64,
    /// Licenses that are revoked.
    pub revoked: u64,
}

impl AlreadyIssuedCounts {
    pub(super) fn add(&mut self, license: &IssuedLicense) {
        self.total += 1;
        self.restored += u64::from(license.is_restored);
        self.expired += u64::from(license.status == Some(LicenseStatus::Expired));
        self.revoked += u64::from(license.status == Some(LicenseStatus::Revoked));
    }
}
