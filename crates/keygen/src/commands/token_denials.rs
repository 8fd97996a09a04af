//! Text about recorded validation tokens that deny a license.

use license_cli_support::Failure;
use license_core::License;
use license_core::chrono::{DateTime, Utc};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::denials::{TokenDenial, denials};

use crate::failures;

/// Returns the license, the machine and the status of each token.
pub(super) fn described(denials: &[TokenDenial]) -> String {
    let describe = |denial: &TokenDenial| {
        let machine = denial.machine.as_deref().unwrap_or("all machines");
        let origin = if denial.named == denial.license {
            String::new()
        } else {
            format!(" by a token for {}, which it replaces", denial.named)
        };
        format!(
            "{} on {machine} ({}{origin})",
            denial.license, denial.status
        )
    };
    let texts: Vec<_> = denials.iter().map(describe).collect();
    texts.join(", ")
}

/// Returns notes about the validation tokens that deny a license, for the license that replaces it
/// and is issued at `issued_at`. An older token does not deny the new license.
pub(super) fn notes_of_replacement(
    license: &License,
    issued_at: DateTime<Utc>,
    ledger: &dyn LedgerReader,
) -> Result<Vec<String>, Failure> {
    let (older, others) = of_license(license, issued_at, ledger)?;
    let groups = [
        (older, "do not deny the new one, which is newer"),
        (others, "also deny the new one, which is not newer"),
    ];
    let groups = groups
        .into_iter()
        .filter(|(denials, _)| !denials.is_empty());
    let notes = groups.map(|(denials, effect)| {
        let denials = described(&denials);
        format!("validation tokens deny the current license: {denials}; they {effect}")
    });
    Ok(notes.collect())
}

/// Returns the recorded tokens that deny a license: first those that are older than `issued_at`.
pub(super) fn of_license(
    license: &License,
    issued_at: DateTime<Utc>,
    ledger: &dyn LedgerReader,
) -> Result<(Vec<TokenDenial>, Vec<TokenDenial>), Failure> {
    let denials = denials(license.id().as_str(), ledger);
    let denials = denials.map_err(failures::ledger_not_read(ledger))?;
    let is_older = |denial: &TokenDenial| denial.issued_at < Some(issued_at);
    Ok(denials.into_iter().partition(is_older))
}
