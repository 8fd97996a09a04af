//! The claims of a clock repair.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::activation::KNOWN_CLAIMS;
use super::check_critical;
use super::license::uuid;
use crate::encoding::strict_json::{self, absent, text, texts};
use crate::ids::{Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::time::serde_unix_seconds;
use crate::trust::VerifyError;

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

impl ClockRepairClaims {
    /// Reads the claims from the payload of a token.
    pub(crate) fn from_payload(payload: &[u8]) -> Result<Self, VerifyError> {
        let claims: Self = strict_json::from_slice(payload)?;
        check_critical(&claims.critical, &KNOWN_CLAIMS)?;
        Ok(claims)
    }
}
