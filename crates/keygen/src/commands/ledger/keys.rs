//! The public halves of the recorded signing keys.

use license_core::TrustSet;
use license_issuer::ledger::LedgerReader;
use license_terminal::Failure;

use crate::failures;

/// Returns the signing keys that the ledger contains.
pub(crate) fn signing_keys(ledger: &dyn LedgerReader) -> Result<TrustSet, Failure> {
    let keys = ledger.signing_keys();
    keys.map_err(|error| failures::ledger_not_read(ledger, &error))
}
