//! The claims of an activation token.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::check_critical;
use super::license::uuid;
use crate::encoding::strict_json::{self, absent, text, texts};
use crate::ids::{Commitment, Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::time::serde_unix_seconds;
use crate::trust::VerifyError;

/// The claims of the answers to machine requests. The claim `crit` may name only these claims.
pub(super) const KNOWN_CLAIMS: [&str; 9] = [
    "iss",
    "aud",
    "jti",
    "iat",
    "lic",
    "machine",
    "nonce",
    "commitment",
    "crit",
];

/// The claims of an activation token (`typ` `license-activation+jwt`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivationClaims {
    #[serde(rename = "iss", deserialize_with = "text")]
    pub(crate) issuer: String,
    #[serde(rename = "aud")]
    pub(crate) product: ProductCode,
    #[serde(rename = "jti", deserialize_with = "uuid")]
    pub(crate) id: LicenseId,
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub(crate) issued_at: DateTime<Utc>,
    /// The activated license.
    #[serde(rename = "lic")]
    pub(crate) license: LicenseId,
    pub(crate) machine: Machine,
    /// The nonce of the request.
    pub(crate) nonce: Nonce,
    pub(crate) commitment: Commitment,
    #[serde(rename = "crit")]
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "absent")]
    pub(crate) critical: Vec<String>,
}

impl ActivationClaims {
    /// Reads the claims from the payload of a token.
    pub(crate) fn from_payload(payload: &[u8]) -> Result<Self, VerifyError> {
        let claims: Self = strict_json::from_slice(payload)?;
        check_critical(&claims.critical, &KNOWN_CLAIMS)?;
        Ok(claims)
    }
}
