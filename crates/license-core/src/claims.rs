//! Claims of tokens: one struct for each kind of token, used for signing and for reading.

mod activation;
mod clock_repair;
mod confirmation;
mod license;
mod revocations;
mod trust_statement;
mod validation;

pub(crate) use activation::ActivationClaims;
pub(crate) use clock_repair::ClockRepairClaims;
pub use confirmation::Confirmation;
#[cfg(all(test, feature = "issue"))]
pub(crate) use license::KNOWN_CLAIMS;
pub use license::{ClaimEntry, LicenseClaims};
pub use revocations::{Revocation, RevocationEntry};
pub(crate) use revocations::{RevocationClaims, RevokedLicenses};
pub(crate) use trust_statement::TrustStatementClaims;
pub use validation::Status;
pub(crate) use validation::ValidationClaims;

use crate::encoding::quoted::quoted;
use crate::trust::VerifyError;

/// Names of the claims, in any kind of token, whose values are Unix timestamps in seconds.
pub(crate) const INSTANT_CLAIMS: [&str; 5] =
    ["iat", "nbf", "exp", "maintenance_until", "next_update"];

/// Checks that this version understands every claim that claim `crit` names.
fn check_critical(critical: &[String], known: &[&str]) -> Result<(), VerifyError> {
    match critical.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(VerifyError::CriticalClaim {
            found: quoted(name),
        }),
    }
}
