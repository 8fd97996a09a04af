//! Verified licenses, and the verified tokens that change them later.

mod activation;
mod clock_repair;
mod conditions;
mod enterprise_key;
mod file;
mod json;
mod keys;
mod lease;
mod recorded_revocation;
mod revocations;
mod rotation;
mod signature_cache;
mod trust_statement;
mod validation;
mod verified_licenses;
mod verifier;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use activation::Activation;
pub use clock_repair::ClockRepair;
pub use file::{ArmorBlock, LicenseFile};
pub use lease::Lease;
#[cfg(feature = "issue")]
pub(crate) use lease::check_terms;
pub use recorded_revocation::RecordedRevocation;
pub use revocations::RevocationList;
pub use rotation::{Rotation, RotationError, StatementResult};
pub use signature_cache::SignatureCache;
pub use trust_statement::TrustStatement;
pub use validation::{Validation, ValidationSigner};
pub use verified_licenses::{CanonicalText, VerifiedLicenses, VerifiedLicensesError};
pub use verifier::Verifier;

use crate::claims::{Confirmation, LicenseClaims, TokenClaims};
use crate::ids::{Company, ProductCode, Tier};
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::policy::Entitlements;
use crate::trust::{KeyId, TrustSet, TrustedKey, VerifiedToken, VerifyError};

/// A license whose signature was verified with a trusted key.
///
/// [`License::evaluate`] decides whether the license is valid at an instant. Cloning is cheap.
///
/// ```
/// use license_core::{TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// // The vendor's public keys, and the token that the customer received.
/// let license = Unverified::parse(TOKEN)?.verify(&TrustSet::parse(JWKS)?)?;
/// assert_eq!(license.tier().as_str(), "PRO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A `License` can only be created by verification, and not by deserialization. This program does
/// not compile:
///
/// ```compile_fail
/// let license: license_core::License = serde_json::from_str("{}")?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct License {
    inner: Arc<Inner>,
}

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    claims: LicenseClaims,
    /// The features and quotas of the claims, shared with decisions.
    entitlements: Arc<Entitlements>,
    /// The users of the claims, shared with evidence.
    users: Option<Arc<[Box<str>]>>,
    key_id: KeyId,
    signature: Vec<u8>,
}

impl Unverified<'_> {
    /// Verifies a license token: first the signature over the received bytes, then the claims.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TOKEN: &str = fixture::LICENSE;
    /// use license_core::Unverified;
    ///
    /// let license = Unverified::parse(TOKEN)?.verify(&trust)?;
    /// assert_eq!(license.customer(), "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is of another kind, the key is not trusted, the
    /// signature does not verify, a claim has a value that is not accepted, or the license server
    /// in claim `cnf` has a trusted key, with which it could sign licenses.
    pub fn verify(&self, trust: &TrustSet) -> Result<License, VerifyError> {
        License::of_trusted(self.verify_token(TokenKind::License, trust)?, trust)
    }

    /// Verifies a license with a single key, such as the one that has just signed it.
    #[cfg(feature = "issue")]
    pub(crate) fn verify_by(&self, key: &TrustedKey) -> Result<License, VerifyError> {
        License::from_token(self.verify_token_with_key(TokenKind::License, key)?)
    }

    /// Returns the claims of a license token, which are not authenticated.
    ///
    /// The claims are checked as strictly as after verification.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # const TOKEN: &str = fixture::LICENSE;
    /// use license_core::Unverified;
    ///
    /// // No trusted key is needed to show the claims.
    /// let claims = Unverified::parse(TOKEN)?.unverified_license_claims()?;
    /// assert_eq!(claims.customer, "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is not a license, or a claim has a value that is not
    /// accepted.
    pub fn unverified_license_claims(&self) -> Result<LicenseClaims, VerifyError> {
        let token = self.readable_reading();
        LicenseClaims::from_payload(&token.unverified_payload(TokenKind::License)?)
    }
}

impl License {
    fn from_token(verified: VerifiedToken) -> Result<Self, VerifyError> {
        let claims = LicenseClaims::from_payload(&verified.payload)?;
        Ok(Self::new(claims, verified.key_id, verified.signature))
    }

    /// Returns the license of a token that a trusted key has signed.
    fn of_trusted(verified: VerifiedToken, trust: &TrustSet) -> Result<Self, VerifyError> {
        let license = Self::from_token(verified)?;
        let server = license.confirmation_key();
        match server.filter(|key| trust.get(key.id().as_str()).is_some()) {
            Some(key) => Err(VerifyError::TrustedServerKey {
                key: key.id().clone(),
            }),
            None => Ok(license),
        }
    }

    fn new(claims: LicenseClaims, key_id: KeyId, signature: Vec<u8>) -> Self {
        let users = claims.users.iter().map(|user| user.as_str().into());
        let inner = Inner {
            entitlements: Arc::new(claims.entitlements()),
            users: (!claims.users.is_empty()).then(|| users.collect()),
            claims,
            key_id,
            signature,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns all claims. For an enterprise key, these are the claims that the key represents.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.claims().serial, Some(1001));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn claims(&self) -> &LicenseClaims {
        &self.inner.claims
    }

    /// Returns the features and quotas, shared with a decision.
    pub(crate) fn shared_entitlements(&self) -> &Arc<Entitlements> {
        &self.inner.entitlements
    }

    /// Returns the named users, shared with evidence.
    pub(crate) fn shared_users(&self) -> Option<&Arc<[Box<str>]>> {
        self.inner.users.as_ref()
    }

    /// Returns the license id: a UUID, or the short form of an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.id().as_str(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &LicenseId {
        &self.claims().id
    }

    /// Returns the vendor, or `None` for an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.issuer(), Some("CODITECT"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issuer(&self) -> Option<&str> {
        self.claims().issuer.as_deref()
    }

    /// Returns the product code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.claims().product
    }

    /// Returns the customer, or the company of an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.customer(), "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn customer(&self) -> &str {
        &self.claims().customer
    }

    /// Returns the tier.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.tier().as_str(), "PRO");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tier(&self) -> Tier {
        self.claims().tier
    }

    /// Returns the tier with its features and quotas.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// // The license contains the feature. A decision states whether the feature may be used now.
    /// assert!(license.entitlements().allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entitlements(&self) -> &Entitlements {
        &self.inner.entitlements
    }

    /// Returns the serial, if the license has one. The serial increases with every token that the
    /// vendor issues.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.serial(), Some(1001));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn serial(&self) -> Option<u64> {
        self.claims().serial
    }

    /// Returns whether `newer` continues this license without a gap: it replaces this license at
    /// its end or before, and ends later. A perpetual license needs no continuation.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (license, renewal) = (fixture::license()?, fixture::renewal()?);
    /// assert!(!renewal.is_continued_by(&license), "the license does not replace its renewal");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_continued_by(&self, newer: &Self) -> bool {
        self.expires_at().is_some_and(|end| {
            newer.product() == self.product()
                && newer.supersedes().contains(self.id())
                && newer.not_before().is_none_or(|start| start <= end)
                && newer.expires_at().is_none_or(|later| later > end)
        })
    }

    /// Returns the ids of the licenses that this license replaces, the latest last.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (license, renewal) = (fixture::license()?, fixture::renewal()?);
    /// assert_eq!(renewal.supersedes(), [license.id().clone()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn supersedes(&self) -> &[LicenseId] {
        &self.claims().supersedes
    }

    /// Returns the time of issue, or `None` for an enterprise key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let issued_at = license.issued_at().ok_or("an enterprise key")?;
    /// assert_eq!(issued_at.date_naive().to_string(), "2027-01-01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.claims().issued_at
    }

    /// Returns whether the license is a trial.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert!(!license.is_trial());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_trial(&self) -> bool {
        self.claims().trial
    }

    /// Returns the short code of the customer's company, if the license has one.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::enterprise()?;
    /// assert_eq!(license.company().map(|company| company.to_string()).as_deref(), Some("ACME"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn company(&self) -> Option<Company> {
        self.claims().company
    }

    /// Returns the public key of the customer's own license server (RFC 7800), or `None` if the
    /// license names no server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert!(license.confirmation_key().is_none(), "the customer has no license server");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn confirmation_key(&self) -> Option<&TrustedKey> {
        self.claims().confirmation.as_ref().map(Confirmation::key)
    }

    /// Returns the names of the claims that a verifier must understand to accept the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// assert_eq!(license.critical().len(), 0, "every version can accept the license");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn critical(&self) -> impl ExactSizeIterator<Item = &str> {
        self.claims().critical.iter().map(String::as_str)
    }

    /// Returns the vendor's own data, claim `ext`.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let order = license.extension().and_then(|extension| extension.get("order"));
    /// assert_eq!(order, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extension(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
        self.claims().extension.as_ref()
    }

    /// Returns the id of the key that signed the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, license) = (fixture::trust()?, fixture::license()?);
    /// assert!(trust.get(license.key_id().as_str()).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }
}
