//! The claims of a license token.

mod entry;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use semver::VersionReq;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use entry::ClaimEntry;

use super::{Confirmation, TokenClaims, unknown_critical_claim};
use crate::encoding::strict_json::{
    self, IntegerVisitor, TextVisitor, absent, count, non_empty, non_empty_texts, object, positive,
    present, text, texts,
};
use crate::ids::{Company, ProductCode, Tier};
use crate::key::{LicenseId, StandardKey};
use crate::machine::Machine;
use crate::policy::{CheckIn, Entitlements, Quota, Renewal, UsageType};
use crate::time::serde_unix_seconds;
use crate::trust::VerifyError;

/// The format version that this library reads and writes (claim `ver`).
pub(crate) const FORMAT_VERSION: u32 = 1;

/// The claims that this version understands, in the order in which they are written. The claim
/// `crit` may name only these claims.
pub(crate) const KNOWN_CLAIMS: [&str; 29] = [
    "ver",
    "iss",
    "aud",
    "sub",
    "jti",
    "serial",
    "supersedes",
    "iat",
    "nbf",
    "exp",
    "tier",
    "features",
    "quotas",
    "seats",
    "devices",
    "activation",
    "usage_type",
    "trial",
    "check_in",
    "renewal",
    "maintenance_until",
    "max_version",
    "machines",
    "users",
    "company",
    "key",
    "cnf",
    "crit",
    "ext",
];

/// The claims of a license token (`typ` `license+jwt`).
///
/// This struct is used for drafts, for signing and for reading. RFC 7519 defines `iss`, `aud`,
/// `sub`, `jti`, `iat`, `nbf` and `exp`, and RFC 7800 defines `cnf`. A claim of the wrong type is
/// an error, and so is `null`. Unknown claims are kept in [`unknown`](Self::unknown), where they
/// have no effect.
///
/// Claims alone prove nothing. Only a `License`, whose signature was verified with a trusted key,
/// can be evaluated.
///
/// `CONTRIBUTING.md` describes how to add a claim.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let license = fixture::license()?;
/// let claims = license.claims();
/// println!("{} for {}", claims.tier, claims.customer);
/// for entry in claims.entries()? {
///     println!("{entry}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LicenseClaims {
    /// The format version, claim `ver`.
    #[serde(rename = "ver", deserialize_with = "supported_version")]
    pub format_version: u32,
    /// The vendor, claim `iss`. Only an enterprise key has `None`, because the key does not name
    /// the vendor.
    #[serde(rename = "iss", deserialize_with = "text")]
    pub issuer: Option<String>,
    /// The product code, claim `aud`.
    #[serde(rename = "aud")]
    pub product: ProductCode,
    /// The customer or user, claim `sub`.
    #[serde(rename = "sub", deserialize_with = "text")]
    pub customer: String,
    /// The license id, claim `jti`. In a token, the id is a UUID.
    #[serde(rename = "jti", deserialize_with = "uuid")]
    pub id: LicenseId,
    /// A number that increases with every license token that the vendor issues.
    #[serde(default, deserialize_with = "count", skip_serializing_if = "absent")]
    pub serial: Option<u64>,
    /// The licenses that this license replaces, the latest last.
    #[serde(default, skip_serializing_if = "absent")]
    pub supersedes: Vec<LicenseId>,
    /// The time of issue, claim `iat`. Only an enterprise key has `None`, because the key does not
    /// contain the time of issue.
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub issued_at: Option<DateTime<Utc>>,
    /// The first instant at which the license is valid, claim `nbf`. The default is `issued_at`.
    #[serde(rename = "nbf")]
    #[serde(default, with = "serde_unix_seconds", skip_serializing_if = "absent")]
    pub not_before: Option<DateTime<Utc>>,
    /// The first instant at which the license is no longer valid, claim `exp`. Without it, the
    /// license is perpetual.
    #[serde(rename = "exp")]
    #[serde(default, with = "serde_unix_seconds", skip_serializing_if = "absent")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The tier.
    pub tier: Tier,
    /// The features, resolved at the time of issue.
    #[serde(deserialize_with = "features")]
    pub features: Arc<BTreeSet<String>>,
    /// The quotas by name, resolved at the time of issue.
    #[serde(deserialize_with = "quotas")]
    pub quotas: Arc<BTreeMap<String, Quota>>,
    /// The number of named or concurrent users.
    #[serde(default, deserialize_with = "positive", skip_serializing_if = "absent")]
    pub seats: Option<u64>,
    /// The number of machines that may be activated.
    #[serde(default, deserialize_with = "positive", skip_serializing_if = "absent")]
    pub devices: Option<u64>,
    /// Whether the license is valid only on machines for which the vendor has activated it, claim
    /// `activation`. A token with this claim names it in `crit`.
    #[serde(rename = "activation")]
    #[serde(default, skip_serializing_if = "absent")]
    pub must_activate: bool,
    /// The permitted kind of use. Without it, every kind is permitted.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "absent")]
    pub usage_type: Option<UsageType>,
    /// Whether the license is a trial.
    #[serde(default, skip_serializing_if = "absent")]
    pub trial: bool,
    /// The check-in terms. Without them, check-ins are never required.
    #[serde(default, deserialize_with = "object", skip_serializing_if = "absent")]
    pub check_in: Option<CheckIn>,
    /// The renewal terms. Without them, there is neither notice nor grace.
    #[serde(default, deserialize_with = "object", skip_serializing_if = "absent")]
    pub renewal: Option<Renewal>,
    /// The latest build date that is covered. Without it, every build is covered.
    #[serde(default, with = "serde_unix_seconds", skip_serializing_if = "absent")]
    pub maintenance_until: Option<DateTime<Utc>>,
    /// The requirement that the version of the application must meet, such as `<3.0.0`.
    #[serde(default, deserialize_with = "version", skip_serializing_if = "absent")]
    pub max_version: Option<VersionReq>,
    /// The machines to which the license is locked. Without the claim, the list is empty, and every
    /// machine is permitted.
    #[serde(default, deserialize_with = "machines", skip_serializing_if = "absent")]
    pub machines: Vec<Machine>,
    /// The named users. Without the claim, the list is empty, and every user is permitted.
    #[serde(default, deserialize_with = "non_empty_texts")]
    #[serde(skip_serializing_if = "absent")]
    pub users: Vec<String>,
    /// The short code of the customer's company.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "absent")]
    pub company: Option<Company>,
    /// The standard key of this license, which is computed from other claims at the time of issue.
    #[serde(default, deserialize_with = "key", skip_serializing_if = "absent")]
    pub key: Option<StandardKey>,
    /// The public key of the customer's own license server, claim `cnf` (RFC 7800).
    #[serde(rename = "cnf")]
    #[serde(default, deserialize_with = "object", skip_serializing_if = "absent")]
    pub confirmation: Option<Confirmation>,
    /// The claims that a verifier must understand to accept the license, claim `crit`.
    #[serde(rename = "crit")]
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "absent")]
    pub critical: Vec<String>,
    /// The vendor's own data, claim `ext`.
    #[serde(rename = "ext")]
    #[serde(default, deserialize_with = "object", skip_serializing_if = "absent")]
    pub extension: Option<Map<String, Value>>,
    /// The claims that this version does not understand.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl LicenseClaims {
    /// Creates the claims that every license has. All other claims are absent.
    pub(crate) fn new(
        id: LicenseId,
        product: ProductCode,
        customer: String,
        entitlements: &Entitlements,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            issuer: None,
            product,
            customer,
            id,
            serial: None,
            supersedes: Vec::new(),
            issued_at: None,
            not_before: None,
            expires_at: None,
            tier: entitlements.tier(),
            features: entitlements.shared_features(),
            quotas: entitlements.shared_quotas(),
            seats: None,
            devices: None,
            must_activate: false,
            usage_type: None,
            trial: false,
            check_in: None,
            renewal: None,
            maintenance_until: None,
            max_version: None,
            machines: Vec::new(),
            users: Vec::new(),
            company: None,
            key: None,
            confirmation: None,
            critical: Vec::new(),
            extension: None,
            unknown: Map::new(),
        }
    }

    /// Lists the claims that are present, in the order of the fields, then the unknown claims.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let entries = license.claims().entries()?;
    /// assert_eq!(entries[0].name, "ver");
    /// assert!(entries.iter().all(|entry| entry.is_known()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the claims cannot be written as JSON. Claims that were read from a
    /// payload can always be listed.
    pub fn entries(&self) -> Result<Vec<ClaimEntry>, serde_json::Error> {
        let mut members = match serde_json::to_value(self)? {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let known = KNOWN_CLAIMS.iter().filter_map(|&name| {
            let (name, value) = members.remove_entry(name)?;
            Some(ClaimEntry { name, value })
        });
        let mut entries: Vec<_> = known.collect();
        let unknown = members.into_iter();
        entries.extend(unknown.map(|(name, value)| ClaimEntry { name, value }));
        Ok(entries)
    }

    /// Returns the tier.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.claims().tier().as_str(), "PRO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Returns the tier with its features and quotas.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert!(license.claims().entitlements().allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entitlements(&self) -> Entitlements {
        Entitlements::shared(
            self.tier,
            Arc::clone(&self.features),
            Arc::clone(&self.quotas),
        )
    }

    /// Returns the first instant at which the license is valid, or `None` if the claims contain
    /// neither `nbf` nor `iat`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.claims().valid_from(), license.issued_at());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn valid_from(&self) -> Option<DateTime<Utc>> {
        self.not_before.or(self.issued_at)
    }

    /// Returns the first instant at which the license is valid, or `None` if the license is valid
    /// from the time of issue.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.claims().starts_at(), None, "valid from the time of issue");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn starts_at(&self) -> Option<DateTime<Utc>> {
        self.not_before
            .filter(|start| Some(*start) != self.issued_at)
    }

    /// Computes the standard key of the license from the other claims.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.claims().standard_key().to_string(), "CODITECT-PRO-D4424EFC5184-3730");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn standard_key(&self) -> StandardKey {
        StandardKey::new(
            self.product,
            self.tier,
            &self.id,
            &self.customer,
            self.expires_at,
        )
    }
}

impl TokenClaims for LicenseClaims {
    const KNOWN: &'static [&'static str] = &KNOWN_CLAIMS;

    fn critical(&self) -> &[String] {
        &self.critical
    }

    /// Checks that the claim `key`, if present, is the standard key that is computed from the other
    /// claims.
    fn check(&self) -> Result<(), VerifyError> {
        match self.key {
            Some(key) if key != self.standard_key() => Err(VerifyError::claim(
                "key",
                "the standard key that names this license",
                "another key",
            )),
            _ => Ok(()),
        }
    }

    /// Returns an error for a later format version, or for a claim in `crit` that this version does
    /// not know.
    fn unsupported(payload: &[u8]) -> Option<VerifyError> {
        #[derive(Deserialize)]
        struct VersionClaim {
            ver: i64,
        }
        let VersionClaim { ver: found } = strict_json::from_slice(payload).ok()?;
        let supported = FORMAT_VERSION;
        if found > i64::from(supported) {
            return Some(VerifyError::Version { supported, found });
        }
        unknown_critical_claim(payload, Self::KNOWN).filter(|_| found == i64::from(supported))
    }
}

fn supported_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_u64(IntegerVisitor {
        expected: "1",
        convert: |version| {
            let version = u32::try_from(version).ok();
            version.filter(|version| *version == FORMAT_VERSION)
        },
    })
}

/// Deserializes the license id of a token, which is a UUID and not a short enterprise key.
pub(super) fn uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LicenseId, D::Error> {
    deserializer.deserialize_str(TextVisitor {
        expected: LicenseId::EXPECTED,
        parse: LicenseId::parse_uuid,
    })
}

/// Deserializes features, which are strings that are not empty.
pub(super) fn features<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<BTreeSet<String>>, D::Error> {
    texts(deserializer).map(Arc::new)
}

/// Deserializes quotas. An array is refused, because the target is a map.
pub(super) fn quotas<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<BTreeMap<String, Quota>>, D::Error> {
    BTreeMap::deserialize(deserializer).map(Arc::new)
}

fn machines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Machine>, D::Error> {
    non_empty(Vec::deserialize(deserializer)?)
}

fn key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StandardKey>, D::Error> {
    let visitor = TextVisitor {
        expected: "the standard key that names this license",
        parse: StandardKey::parse_canonical,
    };
    deserializer.deserialize_str(visitor).map(Some)
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VersionReq>, D::Error> {
    let visitor = TextVisitor {
        expected: "a semantic version requirement such as `<3.0.0`",
        parse: |text| VersionReq::parse(text).ok().filter(|_| !text.is_empty()),
    };
    deserializer.deserialize_str(visitor).map(Some)
}

#[cfg(test)]
mod tests;
