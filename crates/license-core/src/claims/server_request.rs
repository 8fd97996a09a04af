//! The claims of a server request.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{TokenClaims, name};
use crate::encoding::strict_json::{absent, object, present, texts};
use crate::ids::ProductCode;
use crate::machine::MachineDigest;
use crate::time::serde_unix_seconds;
use crate::trust::{Jwk, TrustedKey, VerifyError};

/// The claims that this version understands. The claim `crit` may name only these claims.
const KNOWN_CLAIMS: [&str; 6] = ["aud", "iat", "name", "jwk", "machine", "crit"];

/// The claims of a server request (`typ` `license-server+jwt`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerRequestClaims {
    #[serde(rename = "aud")]
    pub(crate) product: ProductCode,
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub(crate) issued_at: DateTime<Utc>,
    /// The name that the operator gave to the server.
    #[serde(deserialize_with = "name")]
    pub(crate) name: String,
    /// The public key of the server, which has signed the request.
    #[serde(deserialize_with = "object")]
    pub(crate) jwk: Option<Jwk>,
    /// The machine on which the server runs.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "absent")]
    pub(crate) machine: Option<MachineDigest>,
    #[serde(rename = "crit")]
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "absent")]
    pub(crate) critical: Vec<String>,
}

impl TokenClaims for ServerRequestClaims {
    const KNOWN: &'static [&'static str] = &KNOWN_CLAIMS;

    fn critical(&self) -> &[String] {
        &self.critical
    }
}

impl ServerRequestClaims {
    /// Returns the key of the server, if a license may name it.
    pub(crate) fn key(&self) -> Result<TrustedKey, VerifyError> {
        let jwk = self.jwk.clone().unwrap_or_default();
        jwk.to_key().map_err(|error| VerifyError::Key {
            claim: "jwk",
            source: error.into(),
        })
    }
}
