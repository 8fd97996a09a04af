//! Parsers of claims for the fuzz targets in the directory `fuzz` of the repository.
//!
//! This module exists only with `--cfg fuzzing`. Claims are otherwise read only after the signature
//! of their token was verified, so that a fuzzer would have to sign each input.

use serde::Serialize;

use crate::claims::{
    ActivationClaims, ClockRepairClaims, LeaseClaims, LicenseClaims, RevocationClaims,
    RevocationEntry, RevokedLicenses, ServerRequestClaims, TokenClaims, TrustStatementClaims,
    ValidationClaims,
};
use crate::jose::TokenKind;
use crate::trust::VerifyError;

/// Parses the payload of a token, and prints the claims as they are signed.
///
/// # Errors
///
/// Returns [`VerifyError`] if the payload does not have the claims of this kind.
pub fn claims(kind: TokenKind, payload: &[u8]) -> Result<String, VerifyError> {
    Ok(match kind {
        TokenKind::License => printed(&LicenseClaims::from_payload(payload)?),
        TokenKind::Validation => printed(&ValidationClaims::from_payload(payload)?),
        TokenKind::Revocations => printed(&listed(RevocationClaims::from_payload(payload)?)),
        TokenKind::Activation => printed(&ActivationClaims::from_payload(payload)?),
        TokenKind::ClockRepair => printed(&ClockRepairClaims::from_payload(payload)?),
        TokenKind::TrustStatement => printed(&TrustStatementClaims::from_payload(payload)?),
        TokenKind::Lease => printed(&LeaseClaims::from_payload(payload)?),
        TokenKind::ServerRequest => printed(&ServerRequestClaims::from_payload(payload)?),
    })
}

fn printed(claims: &impl Serialize) -> String {
    serde_json::to_string(claims).unwrap_or_default()
}

/// Returns the claims of a revocation list with its entries in the order of their ids.
fn listed(claims: RevocationClaims<RevokedLicenses>) -> RevocationClaims<Vec<RevocationEntry>> {
    let entries = claims
        .revoked
        .iter()
        .map(|(license, revocation)| RevocationEntry {
            license,
            at: revocation.at,
            reason: revocation.reason.to_string(),
        });
    let mut revoked: Vec<_> = entries.collect();
    revoked.sort_by(|one, other| one.license.cmp(&other.license));
    RevocationClaims {
        issuer: claims.issuer,
        product: claims.product,
        issued_at: claims.issued_at,
        seq: claims.seq,
        next_update: claims.next_update,
        critical: claims.critical,
        revoked,
    }
}
