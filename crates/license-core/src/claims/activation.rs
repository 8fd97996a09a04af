//! The claims of an activation token.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::TokenClaims;
use super::license::uuid;
use crate::encoding::strict_json::{absent, text, texts};
use crate::ids::{Commitment, Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::time::serde_unix_seconds;

/// The claims that this version understands. The claim `crit` may name only these claims.
const KNOWN_CLAIMS: [&str; 9] = [
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

impl TokenClaims for ActivationClaims {
    const KNOWN: &'static [&'static str] = &KNOWN_CLAIMS;

    fn critical(&self) -> &[String] {
        &self.critical
    }
}
