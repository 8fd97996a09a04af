//! Revocations of licenses.

use std::collections::BTreeSet;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::{FeatureMatrix, LicenseId, Unverified, time};

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader, LicenseStatus, RecordedLicense};
use crate::records;
use crate::services::record::RecordPlan;
use crate::services::statements::{StatementError, statement_id, time_of_statement};

/// The revocations to record.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let directory = tempfile::tempdir()?;
/// # let signed = fixture::issue(directory.path())?;
/// # let id = signed.license.id().to_string();
/// use license_issuer::clock::{Clock, SystemClock};
/// use license_issuer::ledger::sqlite::LedgerFile;
/// use license_issuer::services::issue::Mode;
/// use license_issuer::services::record::{MissingLedger, record};
/// use license_issuer::services::revoke::RevocationOrder;
///
/// // `id` is the id of a license in the ledger.
/// let mut ledger = LedgerFile::new(&directory.path().join("ledger.db"));
/// let order = RevocationOrder {
///     licenses: &[id],
///     with_successors: false,
///     reason: "refunded",
///     at: SystemClock.now(),
/// };
/// let report = record(&mut ledger, MissingLedger::Refuse, Mode::Commit, order.at, |ledger| {
///     order.plan(ledger)
/// })?;
/// assert_eq!(report.revoked, order.licenses);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RevocationOrder<'a> {
    /// The ids of the licenses.
    pub licenses: &'a [String],
    /// Whether the licenses that replace these licenses are revoked too.
    pub with_successors: bool,
    /// The reason.
    pub reason: &'a str,
    /// The time of the revocation.
    pub at: DateTime<Utc>,
}

/// The result of an order.
#[derive(Clone, Debug, Default)]
pub struct RevocationReport {
    /// The licenses that the order revokes.
    pub revoked: Vec<String>,
    /// The licenses of the order that were revoked before.
    pub already_revoked: Vec<String>,
    /// The other licenses that a license of the order replaced, directly or indirectly, and that
    /// are still valid where they are installed.
    pub predecessors: Vec<RecordedLicense>,
    /// The other licenses that replace a license of the order, directly or indirectly, and that are
    /// still valid or start later.
    pub successors: Vec<RecordedLicense>,
}

impl RevocationOrder<'_> {
    /// Plans the revocations. A license that was revoked before is not revoked again.
    ///
    /// # Errors
    ///
    /// Returns [`StatementError`] if the ledger cannot be read, or if the operating system provides
    /// no random bytes.
    pub fn plan(
        &self,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<RecordPlan<RevocationReport>, StatementError> {
        let content = match ledger {
            None => RevocationReport {
                revoked: self.licenses.to_vec(),
                ..RevocationReport::default()
            },
            Some(ledger) => self.report(ledger)?,
        };
        let (mut entries, statement_id) = (Vec::new(), statement_id(self.at)?);
        for id in &content.revoked {
            let at = ledger.map_or(Ok(self.at), |ledger| time_of_statement(ledger, id, self.at))?;
            let revocation = records::revocation(id, self.reason, at);
            entries.push(revocation.with_member("statement_id", statement_id.as_str()));
        }
        Ok(RecordPlan { content, entries })
    }

    fn report(&self, ledger: &dyn LedgerReader) -> Result<RevocationReport, LedgerError> {
        let mut report = RevocationReport::default();
        let ids = licenses_of_order(ledger, self.licenses, self.with_successors)?;
        for id in &ids {
            match ledger.revocation(id)? {
                Some(_) => report.already_revoked.push(id.clone()),
                None => report.revoked.push(id.clone()),
            }
        }
        report.predecessors =
            self.valid_others(ledger, &ids, &|id| ledger.replaced_licenses(id))?;
        report.successors = self.valid_others(ledger, &ids, &|id| ledger.later_licenses(id))?;
        Ok(report)
    }

    /// Returns the valid licenses that `related` finds, directly or indirectly, from the licenses
    /// of the order. Omits the licenses of the order.
    fn valid_others(
        &self,
        ledger: &dyn LedgerReader,
        ids: &[String],
        related: &dyn Fn(&str) -> Result<Vec<String>, LedgerError>,
    ) -> Result<Vec<RecordedLicense>, LedgerError> {
        let mut seen: BTreeSet<String> = ids.iter().cloned().collect();
        let (mut next, mut others) = (ids.to_vec(), Vec::new());
        while let Some(id) = next.pop() {
            for other in related(&id)? {
                if seen.insert(other.clone()) {
                    let license = ledger.license(&other, self.at)?;
                    others.extend(license.filter(|license| self.is_valid(license)));
                    next.push(other);
                }
            }
        }
        others.sort_by_key(|license| license.entry.seq);
        Ok(others)
    }

    /// Returns whether a license is neither revoked nor expired. A replaced license remains valid
    /// where its successor is not installed.
    fn is_valid(&self, license: &RecordedLicense) -> bool {
        license.status != LicenseStatus::Revoked && !has_ended(license, self.at)
    }
}

/// Returns whether a license has ended at an instant, including its renewal grace period. A revoked
/// license may also have ended.
///
/// The ledger does not contain the product files of enterprise keys. A key for another product than
/// the built-in one therefore counts as not ended.
#[must_use]
pub fn has_ended(license: &RecordedLicense, at: DateTime<Utc>) -> bool {
    let end = license.entry.time("expires_at");
    let end = end.and_then(|end| Some(time::saturating_add(end, renewal_grace(&license.entry)?)));
    end.is_some_and(|end| end <= at)
}

/// Returns the renewal grace period of a recorded license, or `None` if it is unknown.
fn renewal_grace(entry: &LedgerEntry) -> Option<TimeDelta> {
    if entry.kind == LedgerEntryKind::EnterpriseKey.as_str() {
        let matrix = FeatureMatrix::built_in();
        let product = entry.member("product")?;
        let tier = matrix.enterprise_tier()?;
        let renewal = tier.renewal().unwrap_or_default();
        return (product == matrix.product().as_str()).then(|| renewal.grace());
    }
    let token = Unverified::parse(&entry.artifact).ok();
    let claims = token.and_then(|token| token.unverified_claims().ok());
    let hours = claims.and_then(|claims| claims.pointer("/renewal/grace_hours")?.as_i64());
    TimeDelta::try_hours(hours.unwrap_or_default())
}

/// Returns the licenses of an order, each once, and their successors if the order includes them.
pub(super) fn licenses_of_order(
    ledger: &dyn LedgerReader,
    licenses: &[String],
    with_successors: bool,
) -> Result<Vec<String>, LedgerError> {
    let mut ids: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for license in licenses {
        let later = if with_successors {
            ledger.later_licenses(license)?
        } else {
            Vec::new()
        };
        let all = [license.clone()].into_iter().chain(later);
        ids.extend(all.filter(|id| seen.insert(id.clone())));
    }
    Ok(ids)
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
