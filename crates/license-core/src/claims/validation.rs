//! The claims of a validation token.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::TokenClaims;
use super::license::{features, quotas};
use crate::code::Code;
use crate::encoding::strict_json::{absent, present, text, texts};
use crate::encoding::value::named_value;
use crate::ids::{ProductCode, Tier};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::policy::{Entitlements, Quota};
use crate::time::serde_unix_seconds;

/// The claims that this version understands. The claim `crit` may name only these claims.
const KNOWN_CLAIMS: [&str; 13] = [
    "iss", "aud", "jti", "iat", "lic", "status", "tier", "features", "quotas", "exp", "machine",
    "nonce", "crit",
];

/// The claims of a validation token (`typ` `license-validation+jwt`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValidationClaims {
    #[serde(rename = "iss", deserialize_with = "text")]
    pub(crate) issuer: String,
    #[serde(rename = "aud")]
    pub(crate) product: ProductCode,
    #[serde(rename = "jti", deserialize_with = "text")]
    pub(crate) id: String,
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub(crate) issued_at: DateTime<Utc>,
    /// The id of the validated license.
    #[serde(rename = "lic")]
    pub(crate) license: LicenseId,
    pub(crate) status: Status,
    pub(crate) tier: Tier,
    #[serde(deserialize_with = "features")]
    pub(crate) features: Arc<BTreeSet<String>>,
    #[serde(deserialize_with = "quotas")]
    pub(crate) quotas: Arc<BTreeMap<String, Quota>>,
    #[serde(rename = "exp")]
    #[serde(default, with = "serde_unix_seconds", skip_serializing_if = "absent")]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// The machine for which the token is valid. Without it, the token is valid on every machine.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "absent")]
    pub(crate) machine: Option<Machine>,
    /// The nonce that the requesting machine has sent.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "absent")]
    pub(crate) nonce: Option<String>,
    #[serde(rename = "crit")]
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "absent")]
    pub(crate) critical: Vec<String>,
}

impl TokenClaims for ValidationClaims {
    const KNOWN: &'static [&'static str] = &KNOWN_CLAIMS;

    fn critical(&self) -> &[String] {
        &self.critical
    }
}

impl ValidationClaims {
    /// Returns the tier with its features and quotas.
    pub(crate) fn entitlements(&self) -> Entitlements {
        Entitlements::shared(
            self.tier,
            Arc::clone(&self.features),
            Arc::clone(&self.quotas),
        )
    }
}

/// The status of a license in a validation token.
///
/// ```
/// use license_core::claims::Status;
///
/// let status: Status = "suspended".parse()?;
/// assert_eq!(status, Status::Suspended);
/// assert!(status.is_denial());
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The license may be used.
    Active,
    /// The license is suspended, for example until a payment arrives.
    Suspended,
    /// The vendor has revoked the license.
    Revoked,
    /// The customer has canceled the license.
    Canceled,
}

impl Status {
    /// Returns the value of the claim `status`.
    ///
    /// ```
    /// assert_eq!(license_core::claims::Status::Active.as_str(), "active");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Canceled => "canceled",
        }
    }

    /// Returns whether the license must not be used.
    ///
    /// ```
    /// use license_core::claims::Status;
    ///
    /// assert!(Status::Revoked.is_denial());
    /// assert!(!Status::Active.is_denial());
    /// ```
    pub const fn is_denial(self) -> bool {
        self.denial().is_some()
    }

    /// Returns the reason code of the status, or `None` for [`Status::Active`].
    pub(crate) const fn denial(self) -> Option<Code> {
        match self {
            Self::Active => None,
            Self::Suspended => Some(Code::Suspended),
            Self::Revoked => Some(Code::Revoked),
            Self::Canceled => Some(Code::Canceled),
        }
    }
}

named_value!(
    Status,
    "status",
    "`active`, `suspended`, `revoked` or `canceled`",
    [Active, Suspended, Revoked, Canceled]
);
