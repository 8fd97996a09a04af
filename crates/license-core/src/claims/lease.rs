//! The claims of a lease.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::TokenClaims;
use super::license::uuid;
use super::name;
use crate::encoding::strict_json::{IntegerVisitor, absent, text, texts};
use crate::encoding::value::named_value;
use crate::ids::{Commitment, Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::session::SessionId;
use crate::time::{serde_seconds, serde_unix_seconds};
use crate::trust::VerifyError;

/// The claims that this version understands. The claim `crit` may name only these claims.
const KNOWN_CLAIMS: [&str; 15] = [
    "iss",
    "aud",
    "jti",
    "iat",
    "exp",
    "lic",
    "sid",
    "machine",
    "pool",
    "seq",
    "mode",
    "renew",
    "commitment",
    "nonce",
    "crit",
];

/// The maximum of `seq`, 2^53 - 1, which every JSON implementation represents exactly (RFC 8259
/// section 6).
const MAX_SEQ: u64 = (1 << 53) - 1;

/// The claims of a lease (`typ` `license-lease+jwt`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeaseClaims {
    /// The operator of the license server.
    #[serde(rename = "iss", deserialize_with = "text")]
    pub(crate) issuer: String,
    #[serde(rename = "aud")]
    pub(crate) product: ProductCode,
    #[serde(rename = "jti", deserialize_with = "uuid")]
    pub(crate) id: LicenseId,
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub(crate) issued_at: DateTime<Utc>,
    /// The first instant at which the session no longer has the seat.
    #[serde(rename = "exp", with = "serde_unix_seconds")]
    pub(crate) expires_at: DateTime<Utc>,
    /// The license that the seat belongs to.
    #[serde(rename = "lic")]
    pub(crate) license: LicenseId,
    #[serde(rename = "sid")]
    pub(crate) session: SessionId,
    pub(crate) machine: Machine,
    #[serde(deserialize_with = "name")]
    pub(crate) pool: String,
    /// The fencing number, which increases with each grant of a seat of the pool.
    #[serde(deserialize_with = "seq")]
    pub(crate) seq: u64,
    pub(crate) mode: LeaseMode,
    /// The time after which the holder renews the lease.
    #[serde(rename = "renew", with = "serde_seconds")]
    pub(crate) renew_after: TimeDelta,
    /// The SHA-256 of the secret that releases the seat.
    pub(crate) commitment: Commitment,
    /// The nonce of the request.
    pub(crate) nonce: Nonce,
    #[serde(rename = "crit")]
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "absent")]
    pub(crate) critical: Vec<String>,
}

impl TokenClaims for LeaseClaims {
    const KNOWN: &'static [&'static str] = &KNOWN_CLAIMS;

    fn critical(&self) -> &[String] {
        &self.critical
    }

    /// Checks that the lease has a lifetime, and that the holder renews within it.
    fn check(&self) -> Result<(), VerifyError> {
        let lifetime = self.expires_at - self.issued_at;
        if lifetime <= TimeDelta::zero() {
            let expected = "an instant after `iat`";
            return Err(VerifyError::claim("exp", expected, "an earlier instant"));
        }
        if self.renew_after <= TimeDelta::zero() || self.renew_after > lifetime {
            let expected = format!("seconds from 1 to the lifetime, {}", lifetime.num_seconds());
            let found = self.renew_after.num_seconds().to_string();
            return Err(VerifyError::claim("renew", &expected, &found));
        }
        Ok(())
    }
}

fn seq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(IntegerVisitor {
        expected: "an integer from 1 to 2^53 - 1",
        convert: |seq| {
            let seq = u64::try_from(seq).ok();
            seq.filter(|seq| (1..=MAX_SEQ).contains(seq))
        },
    })
}

/// How long a session may hold a seat without the license server.
///
/// ```
/// use license_core::claims::LeaseMode;
///
/// let mode: LeaseMode = "borrowed".parse()?;
/// assert_eq!(mode, LeaseMode::Borrowed);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseMode {
    /// The holder renews the lease every few seconds or minutes.
    Floating,
    /// The machine leaves the network for hours or days.
    Borrowed,
}

impl LeaseMode {
    /// Returns the value of the claim `mode`.
    ///
    /// ```
    /// assert_eq!(license_core::claims::LeaseMode::Floating.as_str(), "floating");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Floating => "floating",
            Self::Borrowed => "borrowed",
        }
    }
}

named_value!(
    LeaseMode,
    "mode",
    "`floating` or `borrowed`",
    [Floating, Borrowed]
);
