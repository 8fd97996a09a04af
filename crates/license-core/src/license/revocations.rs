//! Revocation lists: the licenses that no longer hold, by number.

use std::fmt;
use std::sync::Arc;

use crate::claims::{Revocation, RevocationClaims, RevokedLicenses};
use crate::ids::ProductCode;
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::time::Timestamp;
use crate::trust::VerifyError;
use crate::trust::{KeyId, TrustSet};
use sha2::{Digest, Sha256};

/// A list of revoked licenses that a trusted key has signed. There is no other way to get one.
///
/// It is cheap to clone, and answers for any of a hundred thousand licenses in nanoseconds. Of several lists that one key has signed the
/// one with the highest number counts.
///
/// ```
/// use license_core::{LicenseId, TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!("../../../../fixtures/trust/vendor.jwks");
/// # const TOKEN: &str = include_str!("../../../../fixtures/tokens/valid-revocations.jwt");
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
    /// Checks the signature of a revocation list over the bytes received, then reads the claims. Only the vendor's keys count: a
    /// customer's own server (`cnf`) revokes nothing.
    ///
    /// # Errors
    /// [`VerifyError`] if the key is not trusted, the signature does not verify, or a claim is not what it must be.
    pub fn verify_revocations(&self, trust: &TrustSet) -> Result<RevocationList, VerifyError> {
        let verified = self.verified(TokenKind::Revocations, trust)?;
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

    /// Since when and why the license no longer holds, if the list names it.
    pub fn revoked(&self, license: &LicenseId) -> Option<&Revocation> {
        self.claims().revoked.get(license)
    }

    /// The licenses that it names, in the order of their ids.
    pub fn licenses(&self) -> Vec<(LicenseId, &Revocation)> {
        let mut all: Vec<_> = self.claims().revoked.iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// How many licenses it names.
    pub fn len(&self) -> usize {
        self.claims().revoked.len()
    }

    /// Whether it names none: nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its number: it only rises, for each signing key by itself.
    pub fn seq(&self) -> u64 {
        self.claims().seq
    }

    /// The vendor, as the list names it.
    pub fn issuer(&self) -> &str {
        &self.claims().issuer
    }

    /// The product whose licenses it names.
    pub fn product(&self) -> ProductCode {
        self.claims().product
    }

    /// When it was issued.
    pub fn issued_at(&self) -> Timestamp {
        self.claims().issued_at
    }

    /// The last instant at which it counts as recent. Later the vendor should have issued another; it goes on counting all the same.
    pub fn next_update(&self) -> Timestamp {
        self.claims().next_update
    }

    /// Whether another should be there by this instant.
    pub fn is_outdated_at(&self, now: Timestamp) -> bool {
        now > self.next_update()
    }

    /// The key that signed it.
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }

    /// The token in armor, as it was received.
    pub fn to_armor(&self) -> String {
        self.inner.token.to_armor()
    }

    /// SHA-256 of the token: tells one list from another of the same number.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.inner.token.as_str()).into()
    }

    /// The lists that count: of each key the newest. Two of the same number, which no vendor issues, both do.
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

/// Without the token and the licenses.
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
