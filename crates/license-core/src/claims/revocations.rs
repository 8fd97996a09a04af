//! The claims of a revocation list.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

use super::TokenClaims;
use crate::encoding::strict_json::{IntegerVisitor, Object, absent, text, texts};
use crate::ids::ProductCode;
use crate::key::LicenseId;
use crate::time::{serde_rfc3339, serde_unix_seconds};

/// The claims that this version understands. The claim `crit` may name only these claims.
const KNOWN_CLAIMS: [&str; 7] = ["iss", "aud", "iat", "seq", "next_update", "revoked", "crit"];

/// The maximum of `seq`, 2^53 - 1, which every JSON implementation represents exactly (RFC 8259
/// section 6).
const MAX_SEQ: u64 = (1 << 53) - 1;

/// The claims of a revocation list (`typ` `license-revocations+jwt`). The list of licenses is a
/// slice of [`RevocationEntry`] for signing and [`RevokedLicenses`] for reading.
#[derive(Serialize, Deserialize)]
pub(crate) struct RevocationClaims<L> {
    #[serde(rename = "iss", deserialize_with = "text")]
    pub(crate) issuer: String,
    #[serde(rename = "aud")]
    pub(crate) product: ProductCode,
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub(crate) issued_at: DateTime<Utc>,
    /// The sequence number, which increases with every list that a key signs.
    #[serde(deserialize_with = "seq")]
    pub(crate) seq: u64,
    /// The instant at which the next list is due.
    #[serde(with = "serde_unix_seconds")]
    pub(crate) next_update: DateTime<Utc>,
    pub(crate) revoked: L,
    #[serde(rename = "crit")]
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "absent")]
    pub(crate) critical: Vec<String>,
}

impl TokenClaims for RevocationClaims<RevokedLicenses> {
    const KNOWN: &'static [&'static str] = &KNOWN_CLAIMS;

    fn critical(&self) -> &[String] {
        &self.critical
    }
}

/// An entry of a revocation list: a license or an activation that is no longer valid.
///
/// ```
/// use license_core::claims::RevocationEntry;
/// use serde::Deserialize;
///
/// let json = serde_json::json!({
///     "jti": "01940000-0000-7000-8000-000000000001",
///     "at": 1_798_761_600,
///     "reason": "refund",
/// });
/// let entry = RevocationEntry::deserialize(&json)?;
/// assert_eq!(entry.reason, "refund");
/// assert_eq!(serde_json::to_value(&entry)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationEntry {
    /// The id of the license or activation.
    #[serde(rename = "jti")]
    pub license: LicenseId,
    /// The first instant at which the license or activation is no longer valid.
    #[serde(with = "serde_unix_seconds")]
    pub at: DateTime<Utc>,
    /// The reason, which is not empty.
    #[serde(deserialize_with = "text")]
    pub reason: String,
}

/// The effective time of a revocation, and the reason for it.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let (list, license) = (fixture::list()?, fixture::license()?);
/// let revocation = list.revoked(license.id()).ok_or("not revoked")?;
/// assert_eq!(&*revocation.reason, "refunded");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Revocation {
    /// The first instant at which the license or activation is no longer valid.
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    pub at: DateTime<Utc>,
    /// The reason that the vendor gives.
    pub reason: Box<str>,
}

/// Revoked licenses and activations by their ids. The id of a token is stored as a number, which is
/// faster to hash than text.
#[derive(Default)]
pub(crate) struct RevokedLicenses {
    tokens: HashMap<u128, Revocation>,
    keys: HashMap<LicenseId, Revocation>,
}

impl RevokedLicenses {
    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len() + self.keys.len()
    }

    /// Returns the revocation of a license or activation.
    pub(crate) fn get(&self, id: &LicenseId) -> Option<&Revocation> {
        match LicenseId::uuid_number(id.as_str()) {
            Some(number) => self.tokens.get(&number),
            None => self.keys.get(id),
        }
    }

    /// Returns all entries in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (LicenseId, &Revocation)> {
        let tokens = self.tokens.iter().filter_map(|(number, revocation)| {
            let id = LicenseId::from_uuid_number(*number)?;
            Some((id, revocation))
        });
        let keys = self.keys.iter();
        tokens.chain(keys.map(|(id, revocation)| (id.clone(), revocation)))
    }

    /// Adds an entry. Returns `false` if the list already contains the id.
    fn insert(&mut self, entry: RevocationEntry) -> bool {
        let revocation = Revocation {
            at: entry.at,
            reason: entry.reason.into(),
        };
        match LicenseId::uuid_number(entry.license.as_str()) {
            Some(number) => insert_new(self.tokens.entry(number), revocation),
            None => insert_new(self.keys.entry(entry.license), revocation),
        }
    }
}

fn insert_new<K>(entry: Entry<'_, K, Revocation>, revocation: Revocation) -> bool {
    let is_new = matches!(entry, Entry::Vacant(_));
    entry.or_insert(revocation);
    is_new
}

impl<'de> Deserialize<'de> for RevokedLicenses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RevokedVisitor)
    }
}

struct RevokedVisitor;

impl<'de> Visitor<'de> for RevokedVisitor {
    type Value = RevokedLicenses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of {jti, at, reason}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RevokedLicenses, A::Error> {
        let mut revoked = RevokedLicenses::default();
        // The items are parsed already, so the hint is their exact number.
        revoked.tokens.reserve(items.size_hint().unwrap_or(0));
        while let Some(Object(entry)) = items.next_element()? {
            if !revoked.insert(entry) {
                let found = Unexpected::Other("a duplicate");
                return Err(A::Error::invalid_value(found, &"each license once"));
            }
        }
        Ok(revoked)
    }
}

fn seq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(IntegerVisitor {
        expected: "an integer from 0 to 9007199254740991",
        convert: |seq| u64::try_from(seq).ok().filter(|seq| *seq <= MAX_SEQ),
    })
}
