//! Verified licenses, and the verified tokens that change them later.

mod activation;
mod clock_repair;
mod file;
mod json;
mod revocations;
mod rotation;
mod trust_statement;
mod validation;
mod verified_licenses;
mod verifier;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

pub use activation::Activation;
pub use clock_repair::ClockRepair;
pub use file::{ArmorBlock, LicenseFile};
pub use revocations::RevocationList;
pub use rotation::{Rotation, RotationError, StatementResult};
pub use trust_statement::TrustStatement;
pub use validation::{Validation, ValidationSigner};
pub use verified_licenses::{CanonicalText, VerifiedLicenses, VerifiedLicensesError};
pub use verifier::Verifier;

use crate::claims::{Confirmation, LicenseClaims};
use crate::ids::{Company, ProductCode, Tier};
use crate::jose::{TokenKind, Unverified};
use crate::key::{
    EnterpriseKey, EnterpriseTerms, KeyExpiry, LicenseId, LicenseKey, ShortEnterpriseKey,
    StandardKey,
};
use crate::machine::Machine;
use crate::matrix::FeatureMatrix;
use crate::policy::{CheckIn, Entitlements, Renewal, UsageType};
use crate::time;
use crate::trust::{KeyId, TrustSet, TrustedKey, VerifiedToken, VerifyError};

/// A license whose signature was verified with a trusted key.
///
/// A `License` can only be created by verification, and not by deserialization.
/// [`License::evaluate`] decides whether the license is valid at an instant. Cloning is cheap.
///
/// ```
/// use license_core::{TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!("../fixtures/trust/vendor.jwks");
/// # const TOKEN: &str = include_str!("../fixtures/tokens/valid-pro.jwt");
/// let license = Unverified::parse(TOKEN)?.verify(&TrustSet::parse(JWKS)?)?;
/// assert_eq!(license.tier().as_str(), "PRO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// Verifies the signature over the bytes received, then reads the claims.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the key is not trusted, the signature does not verify, or a claim
    /// has a value that is not accepted.
    pub fn verify(&self, trust: &TrustSet) -> Result<License, VerifyError> {
        License::from_token(self.verify_token(TokenKind::License, trust)?)
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
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is not a license, or a claim has a value that is not
    /// accepted.
    pub fn unverified_license_claims(&self) -> Result<LicenseClaims, VerifyError> {
        LicenseClaims::from_payload(&self.unverified_payload(TokenKind::License)?)
    }
}

impl EnterpriseKey {
    /// Verifies the signature with each trusted key and the algorithm of that key.
    ///
    /// The features, quotas and renewal terms come from the enterprise tier of the feature matrix.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::Signature`] if no trusted key has signed the enterprise key.
    pub fn verify(&self, trust: &TrustSet, matrix: &FeatureMatrix) -> Result<License, VerifyError> {
        let signed = self.signed_text().as_bytes();
        let key = trust
            .iter()
            .find(|key| key.verify(signed, self.signature()));
        let key_id = key.ok_or(VerifyError::Signature)?.id().clone();
        let claims = self.unverified_claims(matrix)?;
        Ok(License::new(claims, key_id, self.signature().to_vec()))
    }

    /// Returns the claims that the key represents, which are not authenticated.
    ///
    /// The features, quotas and renewal terms come from the enterprise tier of the feature matrix.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::NoEnterpriseTier`] if the product has no enterprise keys.
    pub fn unverified_claims(&self, matrix: &FeatureMatrix) -> Result<LicenseClaims, VerifyError> {
        let terms = self.unverified_terms();
        let tier = matrix
            .enterprise_tier()
            .ok_or(VerifyError::NoEnterpriseTier)?;
        let seats = u64::from(terms.seats.get());
        let entitlements = matrix.entitlements_with_seats(tier, seats);
        let id = LicenseId::from_key(&self.short());
        let customer = terms.company.as_str().to_owned();
        let mut claims = LicenseClaims::new(id, terms.product, customer, &entitlements);
        claims.expires_at = terms.expiry.ends_at();
        claims.seats = Some(seats);
        claims.renewal = tier.renewal();
        claims.company = Some(terms.company);
        Ok(claims)
    }
}

impl License {
    fn from_token(verified: VerifiedToken) -> Result<Self, VerifyError> {
        let claims = LicenseClaims::from_payload(&verified.payload)?;
        Ok(Self::new(claims, verified.key_id, verified.signature))
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

    /// Returns the license id: a UUIDv7, or the short form of an enterprise key.
    pub fn id(&self) -> &LicenseId {
        &self.claims().id
    }

    /// Returns the vendor, or `None` for an enterprise key.
    pub fn issuer(&self) -> Option<&str> {
        self.claims().issuer.as_deref()
    }

    /// Returns the product code.
    pub fn product(&self) -> ProductCode {
        self.claims().product
    }

    /// Returns the customer, or the company of an enterprise key.
    pub fn customer(&self) -> &str {
        &self.claims().customer
    }

    /// Returns the tier.
    pub fn tier(&self) -> Tier {
        self.claims().tier
    }

    /// Returns the tier with its features and quotas.
    pub fn entitlements(&self) -> &Entitlements {
        &self.inner.entitlements
    }

    /// Returns the serial, which increases with every token that the vendor issues.
    pub fn serial(&self) -> Option<u64> {
        self.claims().serial
    }

    /// Returns the licenses that this license replaces.
    pub fn supersedes(&self) -> &[LicenseId] {
        &self.claims().supersedes
    }

    /// Returns the time of issue, or `None` for an enterprise key.
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        self.claims().issued_at
    }

    /// Returns the first instant at which the license is valid, or `None` for an enterprise key.
    pub fn not_before(&self) -> Option<DateTime<Utc>> {
        self.claims().valid_from()
    }

    /// Returns the first instant at which the license is no longer valid, or `None` for a perpetual
    /// license.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.claims().expires_at
    }

    /// Returns the number of named or concurrent users.
    pub fn seats(&self) -> Option<u64> {
        self.claims().seats
    }

    /// Returns the number of machines that may be activated.
    pub fn devices(&self) -> Option<u64> {
        self.claims().devices
    }

    /// Returns whether the license must be activated on each machine.
    pub fn must_activate(&self) -> bool {
        self.claims().must_activate
    }

    /// Returns the permitted kind of use, or `None` if every kind is permitted.
    pub fn usage_type(&self) -> Option<UsageType> {
        self.claims().usage_type
    }

    /// Returns whether the license is a trial.
    pub fn is_trial(&self) -> bool {
        self.claims().trial
    }

    /// Returns the check-in terms, or `None` if validation is never required.
    pub fn check_in(&self) -> Option<CheckIn> {
        self.claims().check_in
    }

    /// Returns the notice period before expiry and the grace period after it.
    pub fn renewal(&self) -> Option<Renewal> {
        self.claims().renewal
    }

    /// Returns the latest build date that is covered, or `None` if every build is covered.
    pub fn maintenance_until(&self) -> Option<DateTime<Utc>> {
        self.claims().maintenance_until
    }

    /// Returns the requirement that the version of the application must meet.
    pub fn max_version(&self) -> Option<&semver::VersionReq> {
        self.claims().max_version.as_ref()
    }

    /// Returns the machines to which the license is locked, or `None` if it permits every machine.
    pub fn machines(&self) -> Option<&[Machine]> {
        let machines = self.claims().machines.as_slice();
        (!machines.is_empty()).then_some(machines)
    }

    /// Returns the named users, or `None` if the license permits every user.
    pub fn users(&self) -> Option<impl ExactSizeIterator<Item = &str>> {
        let users = self.shared_users()?;
        Some(users.iter().map(AsRef::as_ref))
    }

    /// Returns the short code of the customer's company.
    pub fn company(&self) -> Option<Company> {
        self.claims().company
    }

    /// Returns the public key of the customer's own license server (RFC 7800).
    pub fn confirmation_key(&self) -> Option<&TrustedKey> {
        self.claims().confirmation.as_ref().map(Confirmation::key)
    }

    /// Returns the names of the claims that a verifier must understand to accept the license.
    pub fn critical(&self) -> impl ExactSizeIterator<Item = &str> {
        self.claims().critical.iter().map(String::as_str)
    }

    /// Returns the vendor's own data.
    pub fn extension(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
        self.claims().extension.as_ref()
    }

    /// Returns the id of the key that signed the license.
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }

    /// Returns the standard key of the license, or `None` if the license is an enterprise key.
    pub fn standard_key(&self) -> Option<StandardKey> {
        let is_token = self.issued_at().is_some();
        is_token.then(|| self.claims().standard_key())
    }

    /// Returns the short enterprise key of the license.
    ///
    /// Returns `None` unless the license has the enterprise tier, a company, seats, and an end that
    /// is absent or at midnight UTC.
    pub fn short_enterprise_key(&self, matrix: &FeatureMatrix) -> Option<ShortEnterpriseKey> {
        let is_enterprise = matrix
            .enterprise_tier()
            .is_some_and(|tier| tier.name() == self.tier());
        let seats = u32::try_from(self.seats()?).ok()?;
        let expiry = match self.expires_at() {
            None => KeyExpiry::Perpetual,
            // The latest timestamp is not midnight, and its date encodes "perpetual" in a key.
            Some(end) if end == time::MAX => return None,
            Some(end) => {
                let day = time::saturating_sub(end, TimeDelta::seconds(1)).date_naive();
                (time::end_of_day(day) == end).then_some(KeyExpiry::LastDay(day))?
            }
        };
        let terms = EnterpriseTerms {
            product: self.product(),
            company: self.company()?,
            seats: seats.try_into().ok()?,
            expiry,
        };
        is_enterprise.then(|| ShortEnterpriseKey::new(terms, &self.inner.signature))
    }

    /// Returns whether a key identifies this license.
    pub fn is_identified_by(&self, key: &LicenseKey, matrix: &FeatureMatrix) -> bool {
        match key {
            LicenseKey::Standard(key) => self.standard_key() == Some(*key),
            LicenseKey::EnterpriseShort(key) => self.short_enterprise_key(matrix) == Some(*key),
            LicenseKey::Enterprise(key) => self.short_enterprise_key(matrix) == Some(key.short()),
        }
    }
}
