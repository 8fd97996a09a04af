//! Revocation lists.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::claims::{Revocation, RevocationClaims, RevokedLicenses, TokenClaims};
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
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-revocations.jwt"
/// # ));
/// // The vendor's public keys, and the list that the vendor published.
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
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TEXT: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-revocations.jwt"
    /// # ));
    /// use license_core::Unverified;
    ///
    /// let list = Unverified::parse(TEXT)?.verify_revocations(&trust)?;
    /// println!("list {} revokes {} licenses", list.seq(), list.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is of another kind, the key is not trusted, the
    /// signature does not verify, or a claim has a value that is not accepted.
    pub fn verify_revocations(&self, trust: &TrustSet) -> Result<RevocationList, VerifyError> {
        let verified = self.verify_token(TokenKind::Revocations, trust)?;
        let claims = RevocationClaims::from_payload(&verified.payload)?;
        let inner = Inner {
            token: self.copy_signed_by(trust.get(self.unverified_key_id())),
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

    /// Returns the revocation of a license or an activation, if the list contains its id.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (list, license) = (fixture::list()?, fixture::license()?);
    /// let revocation = list.revoked(license.id()).ok_or("not revoked")?;
    /// println!("revoked at {}: {}", revocation.at, revocation.reason);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revoked(&self, license: &LicenseId) -> Option<&Revocation> {
        self.claims().revoked.get(license)
    }

    /// Returns the revoked licenses and activations, in the order of their ids.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// for (license, revocation) in list.licenses() {
    ///     println!("{license} at {}", revocation.at);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn licenses(&self) -> Vec<(LicenseId, &Revocation)> {
        let mut all: Vec<_> = self.claims().revoked.iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Returns the number of revoked licenses and activations.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// assert_eq!(list.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn len(&self) -> usize {
        self.claims().revoked.len()
    }

    /// Returns whether no license and no activation is revoked.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// assert!(!list.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the sequence number, which increases with every list of a signing key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// let highest_seen = 6;
    /// assert!(list.seq() >= highest_seen, "the list is older than one that was seen before");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seq(&self) -> u64 {
        self.claims().seq
    }

    /// Returns the vendor.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// assert_eq!(list.issuer(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issuer(&self) -> &str {
        &self.claims().issuer
    }

    /// Returns the product code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// assert_eq!(list.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.claims().product
    }

    /// Returns the time of issue.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// assert!(list.issued_at() < list.next_update());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims().issued_at
    }

    /// Returns the instant by which the vendor issues the next list. This list stays in effect
    /// after that instant.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// println!("ask for the next list at {}", list.next_update());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_update(&self) -> DateTime<Utc> {
        self.claims().next_update
    }

    /// Returns whether the next list is overdue at an instant.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// assert!(!list.is_outdated_at(list.issued_at()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_outdated_at(&self, now: DateTime<Utc>) -> bool {
        now > self.next_update()
    }

    /// Returns the id of the key that signed the list.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// // A program stores the highest sequence number of each key.
    /// println!("{}: {}", list.key_id(), list.seq());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }

    /// Returns the token as an armor block.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let list = fixture::list()?;
    /// assert!(list.to_armor().starts_with("-----BEGIN LICENSE REVOCATIONS-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_armor(&self) -> String {
        self.inner.token.to_armor()
    }

    /// Returns the SHA-256 hash of the token, which distinguishes lists with the same sequence
    /// number.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (list, other) = (fixture::list()?, fixture::list()?);
    /// // Lists of a key with the same sequence number must be the same list.
    /// if list.key_id() == other.key_id() && list.seq() == other.seq() {
    ///     assert_eq!(list.digest(), other.digest());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.inner.token.as_str()).into()
    }

    /// Returns the newest list of each key. Lists of one key with the same sequence number are all
    /// returned, although no vendor should issue them.
    pub(crate) fn newest<'a>(
        lists: impl Iterator<Item = &'a Self> + Clone,
    ) -> impl Iterator<Item = &'a Self> {
        let mut highest: BTreeMap<&KeyId, u64> = BTreeMap::new();
        for list in lists.clone() {
            let seq = highest.entry(list.key_id()).or_default();
            *seq = list.seq().max(*seq);
        }
        lists.filter(move |list| highest.get(list.key_id()) == Some(&list.seq()))
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
