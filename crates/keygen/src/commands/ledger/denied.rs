//! Licenses of a list that a validation token denies.

use std::collections::{BTreeMap, BTreeSet};

use license_core::claims::Status;
use license_issuer::errors::LedgerError;
use license_issuer::ledger::{LedgerEntryKind, LedgerReader, LicenseStatus, RecordedLicense};
use license_issuer::services::denials::denials;

/// Number of licenses up to which the tokens of each license are read.
const FEW: usize = 100;

/// Returns the active licenses that a validation token denies on all machines, each with the status
/// in the token.
pub(super) fn denied(
    rows: &[RecordedLicense],
    ledger: &dyn LedgerReader,
) -> Result<BTreeMap<String, String>, LedgerError> {
    let named = if rows.len() > FEW {
        Some(licenses_of_denials(ledger)?)
    } else {
        None
    };
    let mut denied = BTreeMap::new();
    let active = rows.iter();
    for row in active.filter(|row| row.status == LicenseStatus::Active) {
        let id = &row.entry.subject;
        let is_named = named.as_ref().is_none_or(|named| {
            let replaced = row.entry.strings("supersedes");
            named.contains(id) || replaced.iter().any(|id| named.contains(id))
        });
        if is_named {
            let found = denials(id, ledger)?;
            let for_all = found.into_iter().find(|denial| denial.machine.is_none());
            denied.extend(for_all.map(|denial| (id.clone(), denial.status)));
        }
    }
    Ok(denied)
}

/// Returns the licenses that a validation token names with another status than active.
fn licenses_of_denials(ledger: &dyn LedgerReader) -> Result<BTreeSet<String>, LedgerError> {
    let mut named = BTreeSet::new();
    ledger.visit_entries_of_kind(LedgerEntryKind::CheckIn, &mut |entry| {
        if entry.member("status").as_deref() != Some(Status::Active.as_str()) {
            named.insert(entry.subject);
        }
    })?;
    Ok(named)
}
