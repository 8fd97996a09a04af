//! Statements about a license: revocations and reinstatements.

use license_core::LicenseId;
use license_core::chrono::{DateTime, Utc};

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntryKind, LedgerReader};
use crate::random::{self, SystemRandomError};

/// The reason why no statement is recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The ledger cannot be read.
    #[error("cannot read the ledger")]
    Ledger(#[from] LedgerError),
    /// The operating system provides no random bytes.
    #[error(transparent)]
    Random(#[from] SystemRandomError),
}

/// Returns the id of the statements of a new command, which is the member `statement_id`.
///
/// The id distinguishes the statements of two ledgers that record the same reason in the same
/// second, and shows which licenses a command revoked together. A revocation that comes from a
/// revocation list has no id.
pub(super) fn statement_id(at: DateTime<Utc>) -> Result<LicenseId, SystemRandomError> {
    Ok(LicenseId::from_random(at, &random::bytes()?))
}

/// Returns the time of a new revocation or reinstatement of a license.
///
/// This is `at`, or the time of the last one if that is later, so that the dates of a report are in
/// the order of the entries. The order of the entries alone decides which statement counts.
pub(super) fn time_of_statement(
    ledger: &dyn LedgerReader,
    id: &str,
    at: DateTime<Utc>,
) -> Result<DateTime<Utc>, LedgerError> {
    let mut latest = at;
    for kind in [LedgerEntryKind::Revocation, LedgerEntryKind::Reinstatement] {
        let earlier = ledger.entries_of_kind_about(id, kind)?.into_iter();
        latest = earlier
            .filter_map(|entry| entry.time("at"))
            .fold(latest, Ord::max);
    }
    Ok(latest)
}
