//! Revocations of licenses.

use license_core::LicenseId;
use license_core::chrono::{DateTime, Utc};

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntryKind, LedgerReader, LicenseStatus, RecordedLicense};
use crate::records;
use crate::services::record::RecordPlan;

/// A revocation to record.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let directory = tempfile::tempdir()?;
/// # let signed = fixture::issue(directory.path())?;
/// # let id = signed.license.id().as_str();
/// use license_issuer::clock::{Clock, SystemClock};
/// use license_issuer::ledger::sqlite::LedgerFile;
/// use license_issuer::services::issue::Mode;
/// use license_issuer::services::record::{MissingLedger, record};
/// use license_issuer::services::revoke::RevocationOrder;
///
/// // `id` is the id of a license in the ledger.
/// let mut ledger = LedgerFile::new(&directory.path().join("ledger.db"));
/// let order = RevocationOrder { license: id, reason: "refunded", at: SystemClock.now() };
/// let report = record(&mut ledger, MissingLedger::Refuse, Mode::Commit, order.at, |ledger| {
///     order.plan(ledger)
/// })?;
/// assert!(!report.was_revoked);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RevocationOrder<'a> {
    /// The id of the license.
    pub license: &'a str,
    /// The reason.
    pub reason: &'a str,
    /// The time of the revocation.
    pub at: DateTime<Utc>,
}

/// The result of a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationReport {
    /// Whether the license was revoked before.
    pub was_revoked: bool,
    /// The licenses that the revoked license replaced and that are still valid where they are
    /// installed.
    pub still_valid: Vec<String>,
}

impl RevocationOrder<'_> {
    /// Plans the revocation. A license that was revoked before is not revoked again.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn plan(
        &self,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<RecordPlan<RevocationReport>, LedgerError> {
        let (was_revoked, still_valid) = match ledger {
            None => (false, Vec::new()),
            Some(ledger) => (
                ledger.has(LedgerEntryKind::Revocation, self.license)?,
                self.still_valid(ledger)?,
            ),
        };
        let entry = || records::revocation(self.license, self.reason, self.at);
        Ok(RecordPlan {
            entries: (!was_revoked).then(entry).into_iter().collect(),
            content: RevocationReport {
                was_revoked,
                still_valid,
            },
        })
    }

    fn still_valid(&self, ledger: &dyn LedgerReader) -> Result<Vec<String>, LedgerError> {
        let mut still_valid = Vec::new();
        for replaced in ledger.replaced_licenses(self.license)? {
            let license = ledger.license(&replaced, self.at)?;
            if license.is_some_and(|license| self.is_valid(&license)) {
                still_valid.push(replaced);
            }
        }
        Ok(still_valid)
    }

    /// Returns whether a license is neither revoked nor expired. A replaced license remains valid
    /// where its successor is not installed.
    fn is_valid(&self, license: &RecordedLicense) -> bool {
        let has_ended = license
            .entry
            .time("expires_at")
            .is_some_and(|end| end <= self.at);
        license.status != LicenseStatus::Revoked && !has_ended
    }
}

/// Returns whether the vendor issued a license with this id. An entry of a customer's usage report
/// is not a proof.
///
/// # Errors
///
/// Returns an error if the ledger cannot be read.
pub fn is_issued(ledger: &dyn LedgerReader, id: &str) -> Result<bool, LedgerError> {
    if LicenseId::parse(id).is_none() {
        return Ok(false);
    }
    let entries = ledger.entries_about(id)?;
    Ok(entries
        .iter()
        .any(|entry| entry.kind != LedgerEntryKind::Usage.as_str()))
}
