//! Claims of tokens: one struct for each kind of token, used for signing and for reading.

mod activation;
mod clock_repair;
mod confirmation;
mod lease;
mod license;
mod revocations;
mod server_request;
mod trust_statement;
mod validation;

pub(crate) use activation::ActivationClaims;
pub(crate) use clock_repair::ClockRepairClaims;
pub use confirmation::Confirmation;
pub(crate) use lease::LeaseClaims;
pub use lease::LeaseMode;
#[cfg(all(test, feature = "issue"))]
pub(crate) use license::KNOWN_CLAIMS;
pub use license::{ClaimEntry, LicenseClaims};
pub use revocations::{Revocation, RevocationEntry};
pub(crate) use revocations::{RevocationClaims, RevokedLicenses};
pub(crate) use server_request::ServerRequestClaims;
pub(crate) use trust_statement::TrustStatementClaims;
pub use validation::Status;
pub(crate) use validation::ValidationClaims;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::encoding::quoted::quoted;
use crate::encoding::strict_json::{self, TextVisitor, texts};
use crate::trust::VerifyError;

/// Names of the claims, in any kind of token, whose values are Unix timestamps in seconds.
pub(crate) const INSTANT_CLAIMS: [&str; 5] =
    ["iat", "nbf", "exp", "maintenance_until", "next_update"];

/// The claims of one kind of token.
pub(crate) trait TokenClaims: DeserializeOwned {
    /// The claims that this version understands. The claim `crit` may name only these claims.
    const KNOWN: &'static [&'static str];

    /// Returns the claims that a verifier must understand, claim `crit`.
    fn critical(&self) -> &[String];

    /// Checks conditions between claims.
    fn check(&self) -> Result<(), VerifyError> {
        Ok(())
    }

    /// Returns the reason why this version does not support a payload that it cannot read, if
    /// there is one.
    fn unsupported(payload: &[u8]) -> Option<VerifyError> {
        unknown_critical_claim(payload, Self::KNOWN)
    }

    /// Reads the claims from the payload of a token.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the payload is malformed, or requires a claim that this version
    /// does not know. An unsupported claim takes precedence over malformed claims, because a later
    /// version may permit other values.
    fn from_payload(payload: &[u8]) -> Result<Self, VerifyError> {
        let claims: Self = strict_json::from_slice(payload)
            .map_err(|error| Self::unsupported(payload).unwrap_or_else(|| error.into()))?;
        check_critical(claims.critical(), Self::KNOWN)?;
        claims.check()?;
        Ok(claims)
    }
}

/// The maximum number of characters of a name.
const MAX_NAME_CHARS: usize = 128;

/// Deserializes a name that programs show: 1 to 128 characters, without control characters and not
/// blank.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(TextVisitor {
        expected: "1 to 128 characters without control characters",
        parse: |name| {
            let is_short = name.chars().count() <= MAX_NAME_CHARS;
            let is_shown = !name.trim().is_empty() && !name.contains(char::is_control);
            (is_short && is_shown).then(|| name.to_owned())
        },
    })
}

/// Returns an error if the claim `crit` of a payload names an unknown claim.
fn unknown_critical_claim(payload: &[u8], known: &[&str]) -> Option<VerifyError> {
    #[derive(Deserialize)]
    struct CriticalClaim {
        #[serde(deserialize_with = "texts")]
        crit: Vec<String>,
    }
    let CriticalClaim { crit } = strict_json::from_slice(payload).ok()?;
    check_critical(&crit, known).err()
}

/// Checks that this version understands every claim named in `crit`.
fn check_critical(critical: &[String], known: &[&str]) -> Result<(), VerifyError> {
    match critical.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(VerifyError::CriticalClaim {
            found: quoted(name),
        }),
    }
}

#[cfg(test)]
mod tests;
