//! Verified licenses, and what is said of them later.

mod activation;
mod bundle;
mod bundle_error;
mod clock_repair;
mod file;
mod revocations;
mod rotation;
mod trust_statement;
mod validation;
mod verifier;

use std::sync::Arc;

pub use activation::Activation;
pub use bundle::{Bundle, Canonical};
pub use bundle_error::BundleError;
pub use clock_repair::ClockRepair;
pub use file::{Artefacts, Block};
pub use revocations::RevocationList;
pub use rotation::{Rotation, RotationError, Taken};
pub use trust_statement::TrustStatement;
pub use validation::{Signer, Validation};
pub use verifier::Verifier;

use crate::claims::{Confirmation, LicenseClaims};
use crate::ids::{Company, ProductCode, Tier};
use crate::jose::{TokenKind, Unverified};
use crate::key::{
    EnterpriseKey, EnterpriseTerms, KeyExpiry, LicenseId, LicenseKey, ShortEnterpriseKey,
    StandardKey,
};
use crate::machine::Machine;
use crate::matrix::Matrix;
use crate::policy::{CheckIn, Entitlements, Renewal, UsageType};
use crate::time::Timestamp;
use crate::trust::{KeyId, TrustSet, TrustedKey, Verified, VerifyError};

/// A license that a trusted key has signed. There is no other way to get one.
///
/// It is cheap to clone. Whether it holds at some instant is for [`License::evaluate`] to say.
#[derive(Clone, Debug)]
#[must_use]
pub struct License {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    claims: LicenseClaims,
    /// The features and quotas of the claims, as decisions share them.
    entitlements: Arc<Entitlements>,
    /// The users of the claims, as evidence shares them.
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
        License::from_token(self.verified(TokenKind::License, trust)?)
    }

    /// Verifies a license with the key that has just signed it.
    #[cfg(feature = "issue")]
    pub(crate) fn verify_by(&self, key: &TrustedKey) -> Result<License, VerifyError> {
        License::from_token(self.verified_by(TokenKind::License, key)?)
    }

    /// Reads the claims of a license token as strictly as after verification. Nothing proves who
    /// wrote them.
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
    /// Verifies the signature against each trusted key with that key's own algorithm. The key does
    /// not name features, quotas and renewal terms: they come from the enterprise tier of the
    /// matrix.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::Signature`] if no trusted key has signed the key.
    pub fn verify(&self, trust: &TrustSet, matrix: &Matrix) -> Result<License, VerifyError> {
        let signed = self.signed_text().as_bytes();
        let key = trust
            .iter()
            .find(|key| key.verify(signed, self.signature()));
        let key_id = key.ok_or(VerifyError::Signature)?.id().clone();
        let claims = self.unverified_claims(matrix)?;
        Ok(License::new(claims, key_id, self.signature().to_vec()))
    }

    /// Returns the claims that the key stands for. Features, quotas and renewal terms come from the
    /// enterprise tier of the matrix. Nothing proves who wrote the key.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError::NoEnterpriseTier`] if the product has no enterprise keys.
    pub fn unverified_claims(&self, matrix: &Matrix) -> Result<LicenseClaims, VerifyError> {
        let terms = self.unverified_terms();
        let tier = matrix
            .enterprise_tier()
            .ok_or(VerifyError::NoEnterpriseTier)?;
        let seats = u64::from(terms.seats.get());
        let entitlements = matrix.entitlements_with_seats(tier, seats);
        let id = LicenseId::of_key(&self.short());
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
    fn from_token(verified: Verified) -> Result<Self, VerifyError> {
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

    /// Returns all claims. Those of an enterprise key are the ones that it stands for.
    pub fn claims(&self) -> &LicenseClaims {
        &self.inner.claims
    }

    /// Returns the features and quotas that were bought, for a decision.
    pub(crate) fn shared_entitlements(&self) -> &Arc<Entitlements> {
        &self.inner.entitlements
    }

    /// Returns the named users, for evidence.
    pub(crate) fn shared_users(&self) -> Option<&Arc<[Box<str>]>> {
        self.inner.users.as_ref()
    }

    /// The license id: a UUID, or for an enterprise key its short form.
    pub fn id(&self) -> &LicenseId {
        &self.claims().id
    }

    /// The vendor, as the token names it.
    pub fn issuer(&self) -> Option<&str> {
        self.claims().issuer.as_deref()
    }

    /// The product.
    pub fn product(&self) -> ProductCode {
        self.claims().product
    }

    /// The customer; for an enterprise key the company.
    pub fn customer(&self) -> &str {
        &self.claims().customer
    }

    /// The tier that was bought.
    pub fn tier(&self) -> Tier {
        self.claims().tier
    }

    /// The features and quotas that were bought.
    pub fn entitlements(&self) -> &Entitlements {
        &self.inner.entitlements
    }

    /// Rises with every token that the vendor issues.
    pub fn serial(&self) -> Option<u64> {
        self.claims().serial
    }

    /// The licenses that this one replaces.
    pub fn supersedes(&self) -> &[LicenseId] {
        &self.claims().supersedes
    }

    /// When it was issued. An enterprise key does not say.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.claims().issued_at
    }

    /// The first instant at which it holds. An enterprise key has none.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.claims().valid_from()
    }

    /// The first instant at which it no longer holds; none for a perpetual license.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.claims().expires_at
    }

    /// Named or concurrent users.
    pub fn seats(&self) -> Option<u64> {
        self.claims().seats
    }

    /// Machines that may be activated.
    pub fn devices(&self) -> Option<u64> {
        self.claims().devices
    }

    /// Whether it holds only on machines that the vendor has activated it for.
    pub fn must_activate(&self) -> bool {
        self.claims().must_activate
    }

    /// The kind of use that it is for; none means any.
    pub fn usage_type(&self) -> Option<UsageType> {
        self.claims().usage_type
    }

    /// Whether it is a trial.
    pub fn is_trial(&self) -> bool {
        self.claims().trial
    }

    /// How often it must be validated; none means never.
    pub fn check_in(&self) -> Option<CheckIn> {
        self.claims().check_in
    }

    /// When to warn before the end, and for how long it holds after it.
    pub fn renewal(&self) -> Option<Renewal> {
        self.claims().renewal
    }

    /// Versions built up to here are covered.
    pub fn maintenance_until(&self) -> Option<Timestamp> {
        self.claims().maintenance_until
    }

    /// What the application's version must meet.
    pub fn max_version(&self) -> Option<&semver::VersionReq> {
        self.claims().max_version.as_ref()
    }

    /// The machines that it is locked to.
    pub fn machines(&self) -> Option<&[Machine]> {
        let machines = self.claims().machines.as_slice();
        (!machines.is_empty()).then_some(machines)
    }

    /// The users that it names.
    pub fn users(&self) -> Option<impl ExactSizeIterator<Item = &str>> {
        let users = self.shared_users()?;
        Some(users.iter().map(AsRef::as_ref))
    }

    /// The company's short code.
    pub fn company(&self) -> Option<Company> {
        self.claims().company
    }

    /// The public key of the customer's own license server (RFC 7800).
    pub fn confirmation_key(&self) -> Option<&TrustedKey> {
        self.claims().confirmation.as_ref().map(Confirmation::key)
    }

    /// The claims that a verifier must understand or refuse it; this one does.
    pub fn critical(&self) -> impl ExactSizeIterator<Item = &str> {
        self.claims().critical.iter().map(String::as_str)
    }

    /// The vendor's own data.
    pub fn extension(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
        self.claims().extension.as_ref()
    }

    /// The key that signed it.
    pub fn key_id(&self) -> &KeyId {
        &self.inner.key_id
    }

    /// The standard key that names this license. A license that is an enterprise key has none.
    pub fn standard_key(&self) -> Option<StandardKey> {
        let is_token = self.issued_at().is_some();
        is_token.then(|| self.claims().standard_key())
    }

    /// The short enterprise key that names this license, if it says all that such a key says: the enterprise
    /// tier, a company, seats, and an end at midnight UTC or none.
    pub fn short_enterprise_key(&self, matrix: &Matrix) -> Option<ShortEnterpriseKey> {
        let is_enterprise = matrix
            .enterprise_tier()
            .is_some_and(|tier| tier.name() == self.tier());
        let seats = u32::try_from(self.seats()?).ok()?;
        let expiry = match self.expires_at() {
            None => KeyExpiry::Perpetual,
            // The last instant of all is not midnight, and its day would stand for "perpetual".
            Some(end) if end == Timestamp::MAX => return None,
            Some(end) => KeyExpiry::LastDay(end.minus(1).date().filter(|day| day.end() == end)?),
        };
        let terms = EnterpriseTerms {
            product: self.product(),
            company: self.company()?,
            seats: seats.try_into().ok()?,
            expiry,
        };
        is_enterprise.then(|| ShortEnterpriseKey::new(terms, &self.inner.signature))
    }

    /// Whether the key names this license.
    pub fn is_named_by(&self, key: &LicenseKey, matrix: &Matrix) -> bool {
        match key {
            LicenseKey::Standard(key) => self.standard_key() == Some(*key),
            LicenseKey::EnterpriseShort(key) => self.short_enterprise_key(matrix) == Some(*key),
            LicenseKey::Enterprise(key) => self.short_enterprise_key(matrix) == Some(key.short()),
        }
    }
}
