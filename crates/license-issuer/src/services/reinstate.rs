//! Reinstatements of revoked licenses.

use std::collections::{BTreeMap, BTreeSet};

use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader, LicenseStatus, RecordedLicense};
use crate::records;
use crate::services::record::RecordPlan;
use crate::services::revoke::{has_ended, licenses_of_order, time_of_statement};

/// The reinstatements to record.
///
/// The next revocation list of the same key omits the licenses, which ends their revocation where
/// the list is installed.
#[derive(Clone, Copy, Debug)]
pub struct ReinstatementOrder<'a> {
    /// The ids of the licenses.
    pub licenses: &'a [String],
    /// Whether the licenses that replace these licenses are reinstated too.
    pub with_successors: bool,
    /// The reason.
    pub reason: &'a str,
    /// The time of the reinstatement.
    pub at: DateTime<Utc>,
}

/// The result of an order.
#[derive(Clone, Debug, Default)]
pub struct ReinstatementReport {
    /// The licenses that the order reinstates, each with the reason of its revocation.
    pub reinstated: Vec<(String, String)>,
    /// The licenses of the order that are not revoked.
    pub not_revoked: Vec<String>,
    /// The licenses that replace the same license as a reinstated license, and that are valid or
    /// start later. The customer would have both.
    pub competitors: Vec<RecordedLicense>,
    /// The validation tokens that deny a reinstated license until a newer token is installed.
    pub denials: Vec<TokenDenial>,
}

/// A validation token that denies a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDenial {
    /// The license.
    pub license: String,
    /// The machine, or `None` if the token is for all machines.
    pub machine: Option<String>,
    /// The status in the token.
    pub status: String,
}

impl ReinstatementOrder<'_> {
    /// Plans the reinstatements. Nothing is recorded for a license that is not revoked.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn plan(
        &self,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<RecordPlan<ReinstatementReport>, LedgerError> {
        let (mut content, mut entries) = (ReinstatementReport::default(), Vec::new());
        if let Some(ledger) = ledger {
            for id in licenses_of_order(ledger, self.licenses, self.with_successors)? {
                match ledger.revocation(&id)? {
                    Some(entry) => {
                        let at = time_of_statement(ledger, &id, self.at)?;
                        entries.push(records::reinstatement(&id, self.reason, at));
                        content.denials.extend(denials(&id, ledger)?);
                        let reason = entry.member("reason").unwrap_or_default();
                        content.reinstated.push((id, reason));
                    }
                    None => content.not_revoked.push(id),
                }
            }
            content.competitors = self.competitors(&content.reinstated, ledger)?;
        }
        Ok(RecordPlan { content, entries })
    }

    /// Returns the licenses that will be valid together with the reinstated licenses, although only
    /// one license may replace another one.
    fn competitors(
        &self,
        reinstated: &[(String, String)],
        ledger: &dyn LedgerReader,
    ) -> Result<Vec<RecordedLicense>, LedgerError> {
        let ids: BTreeSet<&str> = reinstated.iter().map(|(id, _)| id.as_str()).collect();
        let mut competitors = BTreeMap::new();
        for id in &ids {
            let replaced = ledger.replaced_licenses(id)?;
            let mut own: BTreeSet<String> = ledger.later_licenses(id)?.into_iter().collect();
            own.extend(replaced.iter().cloned());
            own.insert((*id).to_owned());
            for previous in &replaced {
                for other in ledger.later_licenses(previous)? {
                    let license = ledger.license(&other, self.at)?;
                    let license = license.filter(|license| {
                        let is_revoked = license.status == LicenseStatus::Revoked;
                        !own.contains(&other)
                            && (!is_revoked || ids.contains(other.as_str()))
                            && !has_ended(license, self.at)
                    });
                    competitors.extend(license.map(|license| (license.entry.seq, license)));
                }
            }
        }
        Ok(competitors.into_values().collect())
    }
}

/// Returns the recorded validation tokens that deny a license. On a machine, the newest token for
/// this machine or for all machines decides.
fn denials(license: &str, ledger: &dyn LedgerReader) -> Result<Vec<TokenDenial>, LedgerError> {
    let time = |entry: &LedgerEntry| (entry.time("issued_at"), entry.seq);
    let mut newest: BTreeMap<Option<String>, LedgerEntry> = BTreeMap::new();
    for entry in ledger.entries_of_kind_about(license, LedgerEntryKind::CheckIn)? {
        let machine = entry.member("machine");
        let is_newer = |last: &LedgerEntry| time(last) < time(&entry);
        if newest.get(&machine).is_none_or(is_newer) {
            newest.insert(machine, entry);
        }
    }
    let for_all = newest.get(&None).map(time);
    let tokens = newest
        .iter()
        .filter(|(_, entry)| Some(time(entry)) >= for_all);
    let denials = tokens.filter_map(|(machine, entry)| {
        let status = entry.member("status")?;
        (status != Status::Active.as_str()).then(|| TokenDenial {
            license: license.to_owned(),
            machine: machine.clone(),
            status,
        })
    });
    Ok(denials.collect())
}
