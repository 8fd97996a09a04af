//! Revocation lists.

use std::fmt;
use std::sync::Arc;

use crate::claims::{Revocation, RevocationClaims, RevokedLicenses};
use crate::ids::ProductCode;
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::trust::{KeyId, TrustSet, VerifyError};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// A verified list of revoked licenses and activations.
///
/// If a key has signed several lists, only the one with the highest sequence number is used.
/// Cloning a list is cheap, and a lookup takes nanoseconds for any number of entries.
///
/// ```
/// use license_core::{LicenseId, TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!("../../fixtures/trust/vendor.jwks");
/// # const TOKEN: &str = include_str!("../../fixtures/tokens/valid-revocations.jwt");
/// let trust = TrustSet::parse(JWKS)?;
/// let list = Unverified::parse(TOKEN)?.verify_revocations(&trust)?;
/// let id = LicenseId::parse("01940000-0000-7000-8000-000000000001").ok_or("no id")?;
/// assert!(list.revoked(&id).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct RevocationList {
    inner: Arc<Inner>,
}

struct Inner {
    token: Unverified<'static>,
    key_id: KeyId,
    claims: RevocationClaims<RevokedLicenses>,
}

impl Unverified<'_> {
    /// Verifies a revocation list.
    ///
    /// Only the keys of the trust set are accepted. The key of a customer's own license server
    /// (claim `cnf`) cannot revoke licenses.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the key is not trusted, the signature does not verify, or a claim
    /// has a value that is not accepted.
    pub fn verify_revocations(&self, trust: &TrustSet) -> Result<RevocationList, VerifyError> {
        let verified = self.verify_token(TokenKind::Revocations, trust)?;
        let claims = RevocationClaims::from_payload(&verified.payload)?;
        let inner = Inner {
            token: self.clone().into_owned(),
            key_id: verified.key_id,
            claims,
        };
        Ok(RevocationList {
            inner: Arc::new(inner),
        })
    }
}

impl RevocationList {
    fn claims(&self) -> &RevocationClaims<RevokedLicenses> {
        &self.inner.claims
    }

    /// Returns the revocation of a license, if the list contains it.
    pub fn revoked(&self, license: &LicenseId) -> Option<&Revocation> {
        self.claims().revoked.get(license)
    }

    /// Returns the revoked licenses in the order of their ids.
    pub fn licenses(&self) -> Vec<(LicenseId, &Revocation)> {
        let mut all: Vec<_> = self.claims().revoked.iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Returns the number of revoked licenses.
    pub fn len(&self) -> usize {
        self.claims().revoked.len()
    }

    /// Returns whether no license is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the sequence number, which increases with every list of a signing key.
    pub fn seq(&self) -> u64 {
        self.claims().seq
    }

    /// Returns the vendor.
    pub fn issuer(&self) -> &str {
        &self.claims().issuer
    }

    /// Returns the product code.
    pub fn product(&self) -> ProductCode {
        self.claims().product
    }

    /// Returns the time of issue.
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims().issued_at
    }

    /// Returns the instant by which the vendor issues the next list. This list stays in effect
    /// after that instant.
    pub fn next_update(&self) -> DateTime<Utc> {
        self.claims().next_update
    }

    /// Returns whether the next list is overdue.
    pub fn is_outdated_at(&self, now: DateTime<Utc>) -> bool {
        now > self.next_update()
    }

    /// Returns the id of the key that signed the list.
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }

    /// Returns the token as an armor block.
    pub fn to_armor(&self) -> String {
        self.inner.token.to_armor()
    }

    /// Returns the SHA-256 hash of the token, which distinguishes lists with the same sequence
    /// number.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.inner.token.as_str()).into()
    }

    /// Returns the newest list of each key. Lists of one key with the same sequence number are all
    /// returned, although no vendor should issue them.
    pub(crate) fn newest<'a>(
        lists: impl Iterator<Item = &'a Self> + Clone,
    ) -> impl Iterator<Item = &'a Self> {
        let others = lists.clone();
        lists.filter(move |list| {
            let is_newer =
                |other: &Self| other.key_id() == list.key_id() && other.seq() > list.seq();
            !others.clone().any(is_newer)
        })
    }
}

/// Two lists are equal if their tokens are equal.
impl PartialEq for RevocationList {
    fn eq(&self, other: &Self) -> bool {
        self.inner.token == other.inner.token
    }
}

impl Eq for RevocationList {}

/// Omits the token and the licenses.
impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("product", &self.product())
            .field("seq", &self.seq())
            .field("issued_at", &self.issued_at())
            .field("revoked", &self.len())
            .field("key_id", self.key_id())
            .finish_non_exhaustive()
    }
}
