//! The claims of a clock repair.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::TokenClaims;
use super::license::uuid;
use crate::encoding::strict_json::{absent, text, texts};
use crate::ids::{Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::time::serde_unix_seconds;

/// The claims that this version understands. The claim `crit` may name only these claims.
const KNOWN_CLAIMS: [&str; 7] = ["iss", "aud", "jti", "iat", "machine", "nonce", "crit"];

/// The claims of a clock repair (`typ` `license-clock+jwt`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockRepairClaims {
    #[serde(rename = "iss", deserialize_with = "text")]
    pub(crate) issuer: String,
    #[serde(rename = "aud")]
    pub(crate) product: ProductCode,
    #[serde(rename = "jti", deserialize_with = "uuid")]
    pub(crate) id: LicenseId,
    /// The time of issue, to which the machine sets its clock high-water mark.
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) machine: Machine,
    /// The nonce of the request.
    pub(crate) nonce: Nonce,
    #[serde(rename = "crit")]
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "absent")]
    pub(crate) critical: Vec<String>,
}

impl TokenClaims for ClockRepairClaims {
    const KNOWN: &'static [&'static str] = &KNOWN_CLAIMS;

    fn critical(&self) -> &[String] {
        &self.critical
    }
}
